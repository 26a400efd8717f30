"""The ordinary environment of each store is heeded: against servers that speak as little of its API as that takes."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from packages.sources.fetching import Outcome, assert_failed, assert_fetched, fetch
from packages.sources.web import Web, content, part, status

BODY = bytes(range(256)) * 10_000
NEW = BODY[::-1]
HALF = len(BODY) // 2
DATE = ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
ETAG, OTHER = (("etag", '"1"'), DATE), (("etag", '"2"'), DATE)
KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_EC2_METADATA_DISABLED": "true"}
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey>
<SessionToken>session1</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


def from_s3(tmp_path: Path, web: Web, trust: dict[str, str], **environment: str) -> Outcome:
    return fetch(tmp_path, "s3://models/m.onnx", AWS_ENDPOINT_URL=web.url, **trust, **environment)


def test_an_s3_server_with_a_private_authority(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    web.script("/models/m.onnx", part(BODY, *ETAG))
    assert_fetched(from_s3(tmp_path, web, trust, **KEYS), BODY)
    (tmp_path / "other").mkdir()
    assert_failed(from_s3(tmp_path / "other", web, {}, **KEYS), 65, "certificate")


def test_what_ends_the_library_is_one_sentence(tmp_path: Path) -> None:
    outcome = fetch(tmp_path, "s3://models/m.onnx", AWS_REGION="eu west", **KEYS)
    assert_failed(
        outcome, 65, "its client cannot make such a request", "check the URI, address and region of the store"
    )


RESUMED = {
    "it goes on where it was cut": ([part(BODY, *ETAG, heeds_if_range=False)], BODY),
    "a changed object is taken from its start": ([status(412), part(NEW, *OTHER)], NEW),
    "the rest of a changed object is not taken": ([part(NEW, *OTHER, heeds_if_range=False)], NEW),
}


@pytest.mark.parametrize("case", RESUMED)
def test_an_object_after_a_cut(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    responders, body = RESUMED[case]
    web.script("/models/m.onnx", part(BODY, *ETAG, most=HALF), *responders)
    outcome = from_s3(tmp_path, web, trust, **KEYS)
    assert_fetched(outcome, body)
    asked = web.ranges["/models/m.onnx"][1]
    assert asked is not None, "at most a piece of a MiB is asked for again"
    assert HALF - (1 << 20) <= int(asked[len("bytes=") : -1]) <= HALF


def test_a_service_account_with_a_role_of_aws(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    """As IRSA has it."""
    (tmp_path / "token").write_text("the pod's token")
    web.script("/", content(STS.encode()))
    web.script("/models/m.onnx", part(BODY, *ETAG))
    outcome = from_s3(
        tmp_path,
        web,
        trust,
        AWS_ENDPOINT_URL_STS=web.url,
        AWS_ROLE_ARN="arn:aws:iam::1:role/models",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
    )
    assert_fetched(outcome, BODY)
    assert "Credential=ASIA1/" in str(web.authorizations[-1])


def test_a_workload_identity_of_azure(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    (tmp_path / "token").write_text("the pod's token")
    web.script("/tenant1/oauth2/v2.0/token", content(b'{"access_token": "granted", "expires_in": 3600}'))
    web.script("/account1/models/m.onnx", part(BODY, *ETAG))
    outcome = fetch(
        tmp_path,
        "az://models/m.onnx",
        AZURE_STORAGE_ACCOUNT_NAME="account1",
        AZURE_STORAGE_ENDPOINT=f"{web.url}/account1",
        AZURE_AUTHORITY_HOST=web.url,
        AZURE_CLIENT_ID="client1",
        AZURE_TENANT_ID="tenant1",
        AZURE_FEDERATED_TOKEN_FILE=str(tmp_path / "token"),
        **trust,
    )
    assert_fetched(outcome, BODY)
    assert web.authorizations[-1] == "Bearer granted"


@pytest.mark.parametrize("way", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_KEY"])
def test_a_service_account_of_google(way: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "client_email": "models@example.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": key.decode(),
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    web.script("/models/m.onnx", part(BODY, *ETAG))
    value = str(file) if way == "GOOGLE_APPLICATION_CREDENTIALS" else file.read_text()
    outcome = fetch(tmp_path, "gs://models/m.onnx", GOOGLE_BASE_URL=web.url, **{way: value}, **trust)
    assert_fetched(outcome, BODY)
    assert str(web.authorizations[-1]).startswith("Bearer ey"), "a token signed with the key"
