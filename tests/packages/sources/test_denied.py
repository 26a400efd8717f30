"""Stores that deny what is not there, as S3 does to whoever may not list a bucket, and many CDNs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadsman_package.pulling import pull
from packages.sources import models
from packages.sources.fetching import assert_failed, assert_fetched, assert_package, digest_of, fetch, files_in, resolve
from packages.sources.test_credentials import ETAG, KEYS
from packages.sources.web import Web, part, status, web_server

BODY = bytes(range(256)) * 10


class Place:
    """A bucket, or a place on the web, at /models: what it is called, and the environment that reads it."""

    def __init__(self, web: Web, scheme: str) -> None:
        self.web = web
        self.environment = {} if scheme == "http" else KEYS | {"AWS_ENDPOINT_URL": web.url, "AWS_ALLOW_HTTP": "true"}
        self.root = f"{web.url}/models" if scheme == "http" else "s3://models"

    def put(self, prefix: str, files: dict[str, bytes]) -> str:
        for name, body in files.items():
            self.web.script(f"/models/{prefix}/{name}", part(body, *ETAG))
        return f"{self.root}/{prefix}"


@pytest.fixture(params=["http", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with web_server(None) as web:
        web.missing = web.head = 403
        place = Place(web, request.param)
        for name, value in place.environment.items():
            monkeypatch.setenv(name, value)
        yield place


def test_a_prefix_with_nothing_but_a_model(tmp_path: Path, place: Place) -> None:
    uri = place.put("bare", {"model.onnx": BODY})
    assert_fetched(fetch(tmp_path, uri, **place.environment), BODY)
    assert json.loads(resolve(tmp_path, uri, **place.environment).last_word)["digest"] == digest_of(BODY)


def test_a_package_that_is_not_signed(tmp_path: Path, place: Place) -> None:
    uri = place.put("package", models.package(tmp_path / "package"))
    assert_package(fetch(tmp_path, uri, **place.environment), tmp_path / "package")
    pull(uri, tmp_path / "pulled")
    assert files_in(tmp_path / "pulled") == files_in(tmp_path / "package")


def test_a_signature_of_before_is_gone_where_there_is_none_now(tmp_path: Path, place: Place) -> None:
    uri = place.put("package", models.package(tmp_path / "package"))
    (tmp_path / "pulled").mkdir()
    (tmp_path / "pulled/model.sig").write_text("of another model")
    pull(uri, tmp_path / "pulled")
    assert not (tmp_path / "pulled/model.sig").exists()


def test_where_nothing_can_be_read_both_reasons_are_told(tmp_path: Path, place: Place) -> None:
    uri = f"{place.root}/nothing"
    said = (f"{uri} holds neither model.yaml nor model.onnx, or they must not be read", "check the credentials")
    assert_failed(fetch(tmp_path, uri, **place.environment), 65, *said)
    answer = resolve(tmp_path, uri, **place.environment)
    assert answer.code == 65
    assert said[0] in answer.last_word


def test_a_file_of_a_package_that_is_denied_is_no_small_matter(tmp_path: Path, place: Place) -> None:
    files = models.package(tmp_path / "package")
    uri = place.put("package", {name: body for name, body in files.items() if name != "model.onnx"})
    outcome = fetch(tmp_path, uri, **place.environment)
    assert_failed(outcome, 65, "model.onnx", "check the credentials")


def test_a_package_of_mlflow_in_such_a_store(tmp_path: Path) -> None:
    with web_server(None) as web:
        web.missing = 403
        api = "/api/2.0/mlflow/model-versions"
        web.serve(api, {"get": b'{"model_version": {"creation_timestamp": 1}}'})
        web.serve(api, {"get-download-uri": json.dumps({"artifact_uri": f"{web.url}/bare"}).encode()})
        web.serve("/bare", {"model.onnx": BODY})
        assert_fetched(fetch(tmp_path, "mlflow://fraud/1", MLFLOW_TRACKING_URI=web.url), BODY)


def test_access_without_credentials_is_denied_whatever_there_is(tmp_path: Path) -> None:
    """401 is about who asks, and never about what is there."""
    with web_server(None) as web:
        web.serve("/bare", {"model.onnx": BODY})
        web.script("/bare/model.yaml", status(401))
        assert_failed(fetch(tmp_path, f"{web.url}/bare"), 65, "answered 401 Unauthorized; check the credentials")
