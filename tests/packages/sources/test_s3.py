"""Against a real S3 server: SeaweedFS on loopback."""

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import S3Store

from packages.sources.fetching import assert_failed, assert_fetched, digest_of, fetch
from serving.process import clean_environment, free_ports

WEED = Path(sys.executable).with_name("weed")
START_SECONDS = 60
BODY = bytes(range(256)) * 40_000  # 10 MB: more than one chunk here, and several parts there
IDENTITIES = {
    "identities": [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
            "actions": actions,
        }
        for name, actions in {"owner": ["Admin", "Read", "Write", "List"], "stranger": ["Read:other"]}.items()
    ]
}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that reads s3://models/fraud/1/model.onnx."""
    directory = tmp_path_factory.mktemp("s3")
    (directory / "identities.json").write_text(json.dumps(IDENTITIES))
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    listen = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=False)]
    listen += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[len(names) :], strict=True)]
    command = [str(WEED), "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *listen]
    command += [f"-s3.config={directory / 'identities.json'}", "-s3.port.iceberg=0", "-master.volumeSizeLimitMB=64"]
    endpoint = f"http://127.0.0.1:{ports[3]}"
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment()) as process,
    ):
        try:
            _wait_for(endpoint, process, directory / "log")
            _fill(endpoint)
            yield {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "owner",
                "AWS_SECRET_ACCESS_KEY": "owner-secret",
            }
        finally:
            process.kill()


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{endpoint}/healthz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)  # nothing announces that its port is open
        else:
            return
    raise AssertionError(log.read_text())


def _fill(endpoint: str) -> None:
    store = S3Store(
        "models",
        config={"endpoint": endpoint, "access_key_id": "owner", "secret_access_key": "owner-secret"},
        client_options={"allow_http": True},
    )
    bucket = obstore.sign(store, "PUT", "", datetime.timedelta(minutes=1))
    httpx.put(bucket, trust_env=False).raise_for_status()
    obstore.put(store, "fraud/1/model.onnx", BODY)


def test_succeeds(tmp_path: Path, s3: dict[str, str]) -> None:
    uri = "s3://models/fraud/1/model.onnx"
    assert_fetched(fetch(tmp_path, uri, "--digest", digest_of(BODY), **s3), BODY)


FAILS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no such key": ("s3://models/nothing.onnx", {}, 65, "no such object or bucket"),
    "no model there": ("s3://models/fraud", {}, 65, "s3://models/fraud holds neither model.yaml, of a package, nor"),
    "no such bucket": ("s3://nowhere/model.onnx", {}, 65, "no such object or bucket"),
    "a wrong secret": ("s3://models/fraud/1/model.onnx", {"AWS_SECRET_ACCESS_KEY": "x"}, 65, "access denied"),
    "someone else's key": (
        "s3://models/fraud/1/model.onnx",
        {"AWS_ACCESS_KEY_ID": "stranger", "AWS_SECRET_ACCESS_KEY": "stranger-secret"},
        65,
        "access denied",
    ),
    "a path S3 does not have": ("s3://models/a//b.onnx", {}, 65, "empty path segment"),
    "plain http not allowed": ("s3://models/x.onnx", {"AWS_ALLOW_HTTP": ""}, 65, "set AWS_ALLOW_HTTP=true"),
    "nobody at the endpoint": (
        "s3://models/x.onnx",
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        75,
        "s3://models/x.onnx at http://127.0.0.1:1: HTTP error",
    ),
}


@pytest.mark.parametrize("case", FAILS)
def test_fails(case: str, tmp_path: Path, s3: dict[str, str]) -> None:
    uri, environment, code, reason = FAILS[case]
    assert_failed(fetch(tmp_path, uri, **(s3 | environment)), code, reason)
