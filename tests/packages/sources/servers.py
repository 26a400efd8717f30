"""Real servers of object stores and of MLflow on loopback; built or installed on the first use of a machine."""

import base64
import datetime
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import AzureStore, S3Store

from serving.process import clean_environment, free_ports

ROOT = Path(__file__).parents[3]
START_SECONDS = 90
_ACCOUNT, _KEY = "devstoreaccount1", base64.b64encode(b"of the tests").decode()
_IDENTITIES = {
    "identities": [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
        for name, actions in {"owner": ["Admin", "Read", "Write", "List"], "stranger": ["Read:other"]}.items()
    ]
}


@dataclass(frozen=True)
class ObjectServer:
    """A store with the bucket "models": how one puts an object, and the environment that fetches it."""

    scheme: str
    put: Callable[[str, bytes], None]
    environment: dict[str, str]

    def uri(self, key: str) -> str:
        return f"{self.scheme}://models/{key}"

    def put_all(self, prefix: str, files: dict[str, bytes]) -> str:
        """Put files below a prefix, and return its URI."""
        for name, content in files.items():
            self.put(f"{prefix}/{name}", content)
        return self.uri(prefix)


@contextmanager
def started(command: list[str], health: str, log: Path, **environment: str) -> Iterator[None]:
    """Run a server until the end, from when it answers."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, env=clean_environment() | environment, start_new_session=True
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(health):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)  # nothing announces that its port is open
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, too; nothing of it is wanted any more


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=10).status_code < 500
    except httpx.HTTPError:
        return False


def script(name: str, *arguments: str, needs: str | None = None) -> Path:
    """Return the path that a script of hack/ prints; skip where its one requirement is lacking."""
    if needs and not shutil.which(needs):
        pytest.skip(f"needs {needs}, for hack/{name}")
    done = subprocess.run([ROOT / "hack" / name, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1])


@contextmanager
def s3_server(directory: Path, volume_mb: int = 64) -> Iterator[ObjectServer]:
    """SeaweedFS, with an owner and a stranger."""
    (directory / "identities.json").write_text(json.dumps(_IDENTITIES))
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    listen = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=False)]
    listen += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[len(names) :], strict=True)]
    weed = str(Path(sys.executable).with_name("weed"))
    command = [weed, "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *listen]
    command += [
        f"-s3.config={directory / 'identities.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-master.volumeSizeLimitMB={volume_mb}",
    ]
    endpoint = f"http://127.0.0.1:{ports[3]}"
    with started(command, f"{endpoint}/healthz", directory / "log"):
        store = S3Store(
            "models",
            config={"endpoint": endpoint, "access_key_id": "owner", "secret_access_key": "owner-secret"},
            client_options={"allow_http": True},
        )
        bucket = obstore.sign(store, "PUT", "", datetime.timedelta(minutes=1))
        httpx.put(bucket, trust_env=False).raise_for_status()
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "owner",
            "AWS_SECRET_ACCESS_KEY": "owner-secret",
        }
        yield ObjectServer("s3", lambda key, body: _put(store, key, body), environment)


@contextmanager
def gs_server(directory: Path) -> Iterator[ObjectServer]:
    """fake-gcs-server, which asks nobody who they are."""
    program = script("build-tools.sh", "gcs", needs="go") / "fake-gcs-server"
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    command += ["-public-host", f"127.0.0.1:{port}"]
    with started(command, f"{url}/_internal/healthcheck", directory / "log"):
        httpx.post(f"{url}/storage/v1/b", json={"name": "models"}, trust_env=False).raise_for_status()

        def put(key: str, body: bytes) -> None:
            upload = f"{url}/upload/storage/v1/b/models/o"
            parameters = {"uploadType": "media", "name": key}
            httpx.post(upload, params=parameters, content=body, trust_env=False).raise_for_status()

        environment = {"GOOGLE_BASE_URL": url, "GOOGLE_ALLOW_HTTP": "true", "GOOGLE_SKIP_SIGNATURE": "true"}
        yield ObjectServer("gs", put, environment)


@contextmanager
def az_server(directory: Path) -> Iterator[ObjectServer]:
    """Azurite, with one account."""
    program = script("azurite.sh", needs="npm")
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    command = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(directory / "data")]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--debug", str(directory / "debug")]
    with started(command, f"{endpoint}?comp=list", directory / "log", AZURITE_ACCOUNTS=f"{_ACCOUNT}:{_KEY}"):
        store = AzureStore(
            "models",
            config={"account_name": _ACCOUNT, "account_key": _KEY, "endpoint": endpoint},
            client_options={"allow_http": True},
        )
        _make_container(endpoint)
        environment = {
            "AZURE_STORAGE_ENDPOINT": endpoint,
            "AZURE_ALLOW_HTTP": "true",
            "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
        }
        yield ObjectServer("az", lambda key, body: _put(store, key, body), environment)


def _make_container(endpoint: str) -> None:
    """Make the container "models", which obstore cannot: a request signed with the account's key."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in headers.items())]
    text = "\n".join([*lines, f"/{_ACCOUNT}/{_ACCOUNT}/models", "restype:container"])
    signature = base64.b64encode(hmac.digest(base64.b64decode(_KEY), text.encode(), "sha256")).decode()
    headers["authorization"] = f"SharedKey {_ACCOUNT}:{signature}"
    httpx.put(f"{endpoint}/models?restype=container", headers=headers, trust_env=False).raise_for_status()


def _put(store: S3Store | AzureStore, key: str, body: bytes) -> None:
    obstore.put(store, key, body)


@contextmanager
def mlflow_server(directory: Path, package: Path, bucket: str) -> Iterator[str]:
    """A tracking server with what register.py registers; yields its URL."""
    python = script("side-venv.sh", "mlflow") / "bin/python"
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{directory}/db", "--artifacts-destination", str(directory / "files")]
    with started(command, f"{url}/health", directory / "log", **quiet):
        subprocess.run(
            [python, Path(__file__).with_name("register.py"), package, bucket],
            env=clean_environment() | quiet | {"MLFLOW_TRACKING_URI": url},
            check=True,
            capture_output=True,
        )
        yield url
