"""A Kubernetes API server and nothing else: etcd and kube-apiserver on loopback, a temporary directory, free ports.

Up in seconds, for tests of everything that needs a real API (validation, status, field managers, RBAC, admission
policies) but no pods. There are no controllers: nothing garbage-collects, and no Deployment makes a pod.

    with light_cluster() as cluster: ...               cluster.kubeconfig is the administrator's
    python hack/light_cluster.py -- COMMAND...        runs COMMAND with KUBECONFIG set

The programs are those of the directory KUBEBUILDER_ASSETS when it is set, else those that hack/build-tools.sh caches.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

# Linux ends a server with the thread that has started it, and this one lives as long as we do.
_STARTER = ThreadPoolExecutor(1)

HACK = Path(__file__).resolve().parent
START_SECONDS = 60


class ClusterError(RuntimeError):
    """The API server could not be started; the message says why."""


@dataclass
class Cluster:
    """A running API server; `kubeconfig` is the path of its cluster-admin's."""

    kubeconfig: Path
    _etcd: _Program
    _ready: Callable[[], None]

    def stop_etcd(self) -> None:
        """Kill etcd; its data stays."""
        self._etcd.kill()

    def start_etcd(self) -> None:
        """Start it again; returns when the API server is ready."""
        self._etcd.start()
        self._ready()


@contextmanager
def light_cluster() -> Iterator[Cluster]:
    """Yield a fresh API server, which is gone afterwards."""
    etcd, apiserver = _programs()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leadsman-light-")))
        _certificates(work)
        for attempt in range(3):  # a free port may be taken before the server has it
            try:
                yield stack.enter_context(_servers(work / str(attempt), work, etcd, apiserver))
                return
            except _PortTakenError:
                continue
        raise ClusterError("no free ports")


class _PortTakenError(ClusterError):
    pass


@contextmanager
def _servers(data: Path, work: Path, etcd: Path, apiserver: Path) -> Iterator[Cluster]:
    data.mkdir()
    client, peer, secure = _free_ports(3)
    etcd_url, peer_url, server = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}", f"https://127.0.0.1:{secure}"
    etcd_flags = {
        "data-dir": data / "etcd",
        "unsafe-no-fsync": "true",
        "listen-client-urls": etcd_url,
        "advertise-client-urls": etcd_url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"default={peer_url}",
    }
    apiserver_flags = {
        "etcd-servers": etcd_url,
        "bind-address": "127.0.0.1",
        "secure-port": secure,
        "cert-dir": data,
        "tls-cert-file": work / "server.crt",
        "tls-private-key-file": work / "server.key",
        "client-ca-file": work / "ca.crt",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": work / "server.crt",
        "service-account-signing-key-file": work / "server.key",
        "service-cluster-ip-range": "10.0.0.0/16",
        "endpoint-reconciler-type": "none",
        # Nothing makes the "default" accounts that this plug-in would ask for.
        "disable-admission-plugins": "ServiceAccount",
    }
    programs = _Program(data, etcd, etcd_flags), _Program(data, apiserver, apiserver_flags)
    ready = partial(_wait_ready, server, work, programs)
    try:
        for program in programs:
            program.start()
        ready()
        yield Cluster(_kubeconfig(data / "kubeconfig", server, work), programs[0], ready)
    finally:
        for program in reversed(programs):
            program.kill()  # its data is temporary: there is nothing to end in order


class _Program:
    def __init__(self, data: Path, path: Path, flags: Mapping[str, object]) -> None:
        self.log = data / f"{path.name}.log"
        self._command = [str(path), *(f"--{name}={value}" for name, value in flags.items())]
        if setpriv := shutil.which("setpriv"):  # Linux: no server is left behind when the tests are killed
            self._command = [setpriv, "--pdeathsig", "KILL", "--", *self._command]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            starting = _STARTER.submit(
                subprocess.Popen, self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
            self._process = starting.result()

    def ended(self) -> int | None:
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


def _wait_ready(server: str, work: Path, programs: Sequence[_Program]) -> None:
    context = ssl.create_default_context(cafile=str(work / "ca.crt"))
    context.load_cert_chain(work / "admin.crt", work / "admin.key")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for program in programs:
            if (status := program.ended()) is not None:
                text = program.log.read_text(errors="replace")
                kind = _PortTakenError if "address already in use" in text else ClusterError
                raise kind(f"{program.log.stem} ended with {status}:\n{text[-2000:]}")
        try:
            with opener.open(f"{server}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ClusterError(f"kube-apiserver was not ready after {START_SECONDS} s")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _certificates(work: Path) -> None:
    """Make a CA, the server's certificate and the administrator's."""

    def openssl(*arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"openssl {' '.join(arguments)}: {done.stderr}")

    openssl("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=leadsman-light", "-days", "30")
    (work / "server.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    (work / "admin.ext").write_text("extendedKeyUsage=clientAuth\n")
    for name, subject in (("server", "/CN=kube-apiserver"), ("admin", "/O=system:masters/CN=admin")):
        openssl("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.crt", "-days", "30", "-extfile", f"{name}.ext"),
        )


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _kubeconfig(path: Path, server: str, work: Path) -> Path:
    def data(name: str) -> str:
        return base64.b64encode((work / name).read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "light",
        "contexts": [{"name": "light", "context": {"cluster": "light", "user": "admin"}}],
        "clusters": [{"name": "light", "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [
            {
                "name": "admin",
                "user": {"client-certificate-data": data("admin.crt"), "client-key-data": data("admin.key")},
            }
        ],
    }
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def _programs() -> tuple[Path, Path]:
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        return Path(assets) / "etcd", Path(assets) / "kube-apiserver"
    built = subprocess.run([HACK / "build-tools.sh", "kubernetes"], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise ClusterError("kube-apiserver could not be built, see above")
    return _debian_etcd(), Path(built.stdout.strip()) / "kube-apiserver"


def _debian_etcd() -> Path:
    if not (shutil.which("etcd") and shutil.which("openssl")) and shutil.which("apt-get") and os.getuid() == 0:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "etcd-server", "openssl"]):
            subprocess.run(["apt-get", "-q", *arguments], env=environment, stdout=sys.stderr, check=True)
    if found := shutil.which("etcd"):
        return Path(found)
    raise ClusterError(
        "etcd is missing: install it, or set KUBEBUILDER_ASSETS to a directory with etcd and kube-apiserver"
    )


def main(arguments: list[str]) -> int:
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print("usage: python hack/light_cluster.py -- COMMAND...", file=sys.stderr)
        return 2
    with light_cluster() as cluster:
        return subprocess.run(command, env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
