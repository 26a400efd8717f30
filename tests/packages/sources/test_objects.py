"""Against real servers: SeaweedFS for S3, fake-gcs-server for Google Cloud Storage, Azurite for Azure Blob Storage."""

import json
from pathlib import Path

import pytest

from packages.sources import models
from packages.sources.fetching import assert_failed, assert_fetched, assert_package, digest_of, fetch, resolve
from packages.sources.servers import ObjectServer

BODY = bytes(range(256)) * 40_000  # 10 MB: more than one chunk here, and several parts there


def test_a_file(tmp_path: Path, objects: ObjectServer) -> None:
    objects.put("fraud/1/model.onnx", BODY)
    uri = objects.uri("fraud/1/model.onnx")
    assert_fetched(fetch(tmp_path, uri, "--digest", digest_of(BODY), **objects.environment), BODY)


def test_a_model_with_its_data_beside_it(tmp_path: Path, objects: ObjectServer) -> None:
    uri = objects.put_all("bare", models.BARE)
    outcome = fetch(tmp_path, f"{uri}/fraud.onnx", "--digest", models.bare_digest(), **objects.environment)
    assert (outcome.code, outcome.files) == (0, models.BARE_FETCHED), outcome.stderr


def test_a_package(tmp_path: Path, objects: ObjectServer) -> None:
    files = models.package(tmp_path / "package")
    uri = objects.put_all("package", files)
    outcome = fetch(tmp_path, uri, "--digest", digest_of(files["model.yaml"]), **objects.environment)
    assert_package(outcome, tmp_path / "package")


def test_an_archive(tmp_path: Path, objects: ObjectServer) -> None:
    files = models.package(tmp_path / "package")
    objects.put("package.tar.gz", models.tar(files))
    assert_package(fetch(tmp_path, objects.uri("package.tar.gz"), **objects.environment), tmp_path / "package")


def test_resolving_sees_a_change_of_the_data_alone(tmp_path: Path, objects: ObjectServer) -> None:
    uri = f"{objects.put_all('moving', models.BARE)}/fraud.onnx"
    first = json.loads(resolve(tmp_path, uri, **objects.environment).last_word)
    assert first["digest"] == models.bare_digest()
    known = f"{first['identity']}={first['digest']}"
    assert json.loads(resolve(tmp_path, uri, "--known", known, **objects.environment).last_word) == first
    objects.put("moving/w.bin", models.DATA[::-1])
    second = json.loads(resolve(tmp_path, uri, "--known", known, **objects.environment).last_word)
    assert second["identity"] != first["identity"]
    assert second["digest"] != first["digest"]


FAILS: dict[str, tuple[str, int, str]] = {
    "no such key": ("models/nothing.onnx", 65, "no such object or"),
    "no model there": ("models/void", 65, "models/void holds neither model.yaml, of a package, nor"),
    "a bucket that cannot be": ("<bucket>/model.onnx", 65, "'<bucket>' has other characters than letters, digits"),
    "no such bucket": ("nowhere/model.onnx", 65, "no such object or"),
    "a path that no store has": ("models/a//b.onnx", 65, "empty path segment"),
}


@pytest.mark.parametrize("case", FAILS)
def test_fails(case: str, tmp_path: Path, objects: ObjectServer) -> None:
    path, code, reason = FAILS[case]
    assert_failed(fetch(tmp_path, f"{objects.scheme}://{path}", **objects.environment), code, reason)


REFUSED: dict[str, tuple[dict[str, str], int, str]] = {
    "a wrong secret": ({"AWS_SECRET_ACCESS_KEY": "x"}, 65, "access denied; check the credentials"),
    "someone else's key": (
        {"AWS_ACCESS_KEY_ID": "stranger", "AWS_SECRET_ACCESS_KEY": "stranger-secret"},
        65,
        "access denied; check the credentials",
    ),
    "plain http not allowed": ({"AWS_ALLOW_HTTP": ""}, 65, "set AWS_ALLOW_HTTP=true"),
    "an endpoint that cannot be": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1 :9"},
        65,
        "AWS_ENDPOINT_URL is 'http://127.0.0.1 :9'; expected an http(s) URL",
    ),
    "nobody at the endpoint": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        75,
        "s3://models/x.onnx at http://127.0.0.1:1: HTTP error: error sending request: Connection refused",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path, s3: ObjectServer) -> None:
    environment, code, reason = REFUSED[case]
    s3.put("x.onnx", BODY)
    outcome = fetch(tmp_path, "s3://models/x.onnx", **(s3.environment | environment))
    assert_failed(outcome, code, reason)
    assert "secret" not in outcome.stderr
