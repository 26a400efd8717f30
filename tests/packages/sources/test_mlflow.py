"""Against a real MLflow tracking server, with models registered by MLflow itself."""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import onnxruntime
import pytest

from leadsman_package.errors import PackageError
from leadsman_package.sources.web import Web as Api
from packages.sources import models
from packages.sources.fetching import assert_failed, assert_package, fetch, resolve
from packages.sources.servers import ObjectServer, mlflow_server
from packages.sources.web import Responder, Web, content, status, web_server

ALIAS = "api/2.0/mlflow/registered-models/alias"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mlflow-package") / "package"
    models.package(directory)
    return directory


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory, package: Path, s3: ObjectServer) -> Iterator[dict[str, str]]:
    """The environment that reads from the server."""
    bucket = s3.put_all("mlflow/elsewhere", {p.name: p.read_bytes() for p in package.iterdir() if p.is_file()})
    for path in package.rglob("*/*"):
        s3.put(f"mlflow/elsewhere/{path.relative_to(package)}", path.read_bytes())
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), package, bucket) as url:
        yield {"MLFLOW_TRACKING_URI": url}


def first_number(directory: Path) -> float:
    (numbers,) = onnxruntime.InferenceSession(directory / "model.onnx").run(None, {})
    return float(numbers[1])


@pytest.mark.parametrize(("uri", "number"), {"mlflow://fraud@champion": 1.0, "mlflow://fraud/2": 2.0}.items())
def test_a_model_of_the_flavour_onnx(uri: str, number: float, tmp_path: Path, mlflow: dict[str, str]) -> None:
    outcome = fetch(tmp_path, uri, **mlflow)
    assert outcome.code == 0, outcome.stderr
    assert len(outcome.files) == 2, "its data is in a file of its own"
    assert first_number(tmp_path / "model") == number


def test_a_package(tmp_path: Path, mlflow: dict[str, str], package: Path) -> None:
    assert_package(fetch(tmp_path, "mlflow://package/1", **mlflow), package)


def test_a_package_in_a_bucket_that_the_server_does_not_hand_out(
    tmp_path: Path, mlflow: dict[str, str], s3: ObjectServer, package: Path
) -> None:
    assert_package(fetch(tmp_path, "mlflow://elsewhere/1", **mlflow, **s3.environment), package)


def test_an_alias_that_moves(tmp_path: Path, mlflow: dict[str, str]) -> None:
    def point(version: str) -> None:
        body = {"name": "fraud", "alias": "stable", "version": version}
        httpx.post(f"{mlflow['MLFLOW_TRACKING_URI']}/{ALIAS}", json=body, trust_env=False).raise_for_status()

    point("1")
    first = json.loads(resolve(tmp_path, "mlflow://fraud@stable", **mlflow).last_word)
    assert first["identity"].startswith("fraud/1 ")
    known = f"{first['identity']}={first['digest']}"
    assert json.loads(resolve(tmp_path, "mlflow://fraud@stable", "--known", known, **mlflow).last_word) == first
    point("2")
    second = json.loads(resolve(tmp_path, "mlflow://fraud@stable", "--known", known, **mlflow).last_word)
    assert second["identity"].startswith("fraud/2 ")
    assert second["digest"] != first["digest"]


FAILS = {
    "mlflow://nothing@champion": "404 Not Found: Registered Model with name=nothing not found",
    "mlflow://fraud@none": "Registered model alias none not found",
    "mlflow://fraud/9": "Model Version (name=fraud, version=9) not found",
    "mlflow://forest/1": "has the flavours sklearn, python_function; expected onnx, or a package",
    "mlflow://fraud": "expected mlflow://MODEL@ALIAS or mlflow://MODEL/VERSION",
    "mlflow://fraud/latest": "expected mlflow://MODEL@ALIAS or mlflow://MODEL/VERSION",
}


@pytest.mark.parametrize("uri", FAILS)
def test_fails(uri: str, tmp_path: Path, mlflow: dict[str, str]) -> None:
    assert_failed(fetch(tmp_path, uri, **mlflow), 65, FAILS[uri])


def test_without_the_address_of_a_server(tmp_path: Path) -> None:
    assert_failed(fetch(tmp_path, "mlflow://fraud/1"), 65, "MLFLOW_TRACKING_URI is ''; expected the http(s) URL")


CREDENTIALS = {
    "a token": ({"MLFLOW_TRACKING_TOKEN": "s3cret"}, "Bearer s3cret"),
    "a password": (
        {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cret"},
        f"Basic {base64.b64encode(b'ann:s3cret').decode()}",
    ),
}


@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials_are_sent_and_not_told(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    environment, sent = CREDENTIALS[case]
    web.script(f"/{ALIAS}", status(403))
    outcome = fetch(tmp_path, "mlflow://fraud@champion", MLFLOW_TRACKING_URI=web.url, **trust, **environment)
    assert_failed(outcome, 65, "answered 403 Forbidden; check the credentials")
    assert web.authorizations == [sent]
    assert "s3cret" not in outcome.stderr


ANSWERS: dict[str, tuple[Responder, str]] = {
    "packed": (
        status(200, ("content-encoding", "gzip"), body=gzip.compress(bytes(64 << 20), 1)),
        "is sent with content-encoding gzip",
    ),
    "longer than any": (content(b" " * (5 << 20)), "answered with more than 4194304 bytes; is it the right address?"),
    "a list in a list in a list": (content(b"[" * 100_000), "did not answer in JSON; is it the right address?"),
    "a page": (content(b"<html>"), "did not answer in JSON; is it the right address?"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    responder, reason = ANSWERS[case]
    web.script(f"/{ALIAS}", responder)
    outcome = fetch(tmp_path, "mlflow://fraud@champion", MLFLOW_TRACKING_URI=web.url, **trust)
    assert_failed(outcome, 65, reason)


@pytest.mark.parametrize("case", ["packed", "longer than any"])
def test_memory_does_not_grow_with_an_answer(case: str) -> None:
    with web_server(None) as web, closing(Api(web.url)) as api:
        web.script(f"/{ALIAS}", ANSWERS[case][0])
        tracemalloc.start()
        try:
            with pytest.raises(PackageError):
                api.json(ALIAS)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 << 20
