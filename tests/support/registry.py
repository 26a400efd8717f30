"""A real OCI registry, CNCF Distribution, on loopback; and an independent reader of what is in it, out of oras-go."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
import yaml

from serving.process import free_ports

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
USER, PASSWORD = "leadsman", "by the mark"
# The second is what `htpasswd -nbB leadsman "by the mark"` prints.
HTPASSWD = {"htpasswd": "leadsman:$2b$05$K0bGGPsmQ7XtYHwS0tn.qOW.IgkyFiAnHEW0kAJCzZp/UTFtk5Q6m\n"}


@dataclass(frozen=True)
class RunningRegistry:
    """A registry on loopback. `host` has its port, `files` is what it keeps."""

    host: str
    url: str
    files: Path

    def uri(self, name: str) -> str:
        return f"oci://{self.host}/{name}"


@cache
def programs() -> Path:
    """The directory with the programs `registry` and `oras-pull`."""
    if not shutil.which("go"):
        pytest.skip("needs Go, to build an OCI registry")
    built = subprocess.run([ROOT / "hack/build-tools.sh", "oci"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


@contextmanager
def running_registry(
    directory: Path, *, auth: Mapping[str, object] | None = None, certificate: Path | None = None
) -> Iterator[RunningRegistry]:
    """Run a registry: with TLS when given a file with a certificate and its key; `auth` as its configuration has it.

    The `auth` of HTPASSWD lets USER in with PASSWORD.
    """
    port = free_ports(1)[0]
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "secret": "of the tests"}
    if certificate:
        http["tls"] = {"certificate": str(certificate), "key": str(certificate)}
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "files")}, "delete": {"enabled": True}},
        "http": http,
    }
    if auth == HTPASSWD:
        (directory / "htpasswd").write_text(HTPASSWD["htpasswd"])
        auth = {"htpasswd": {"realm": "tests", "path": str(directory / "htpasswd")}}
    if auth:
        settings["auth"] = auth
    (directory / "config.yml").write_text(yaml.safe_dump(settings))
    command = [str(programs() / "registry"), "serve", str(directory / "config.yml")]
    host = f"127.0.0.1:{port}"
    running = RunningRegistry(host, f"http{'s' if certificate else ''}://{host}", directory / "files")
    with (directory / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_for(running, process, directory / "log")
            yield running
        finally:
            process.kill()


def pull_by_oras(reference: str, directory: Path) -> str:
    """Pull an artifact as `oras pull` does, and return the digest of its manifest."""
    command = [str(programs() / "oras-pull"), reference, str(directory)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def docker_config(directory: Path, host: str, entry: dict[str, str], name: str = "config.json") -> Path:
    """Write a configuration as Docker has it, and return its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(json.dumps({"auths": {host: entry}}))
    return directory


def _wait_for(running: RunningRegistry, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{running.url}/v2/", trust_env=False, verify=False)
        except httpx.HTTPError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)  # nothing announces that its port is open
        else:
            return
    raise AssertionError(log.read_text())


def names_below(directory: Path) -> Sequence[str]:
    """Return the paths of all files in a directory."""
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())
