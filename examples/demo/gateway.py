"""The way into the cluster: the address at which this machine reaches the Gateway."""

import socket
import subprocess
import time
from pathlib import Path

import httpx

from demo import cluster, manifests
from demo.cluster import DemoError
from demo.manifests import GatewayAddress

SHARED = GatewayAddress("gateways", "public")
"""The Gateway that `make cluster-up` makes for all."""
_DIRECT_SECONDS = 2.0
_OWNER = "gateway.envoyproxy.io/owning-gateway"


def ensure() -> GatewayAddress:
    """Return the cluster's own Gateway, or one that is made in the demo's namespace."""
    found = SHARED
    if cluster.get("gateways.gateway.networking.k8s.io", SHARED.name, "-n", SHARED.namespace) is None:
        cluster.apply(manifests.gateway())
        found = GatewayAddress(manifests.NAMESPACE, "public")
    cluster.kubectl(
        "wait", "-n", found.namespace, f"gateway/{found.name}", "--for=condition=Programmed", "--timeout=180s"
    )
    return found


class Door:
    """A host and port at which this machine reaches the Gateway: its address, or else a port-forward to its proxy."""

    def __init__(self, gateway: GatewayAddress, folder: Path) -> None:
        self._forward: subprocess.Popen[bytes] | None = None
        found = cluster.get("gateways.gateway.networking.k8s.io", gateway.name, "-n", gateway.namespace) or {}
        addresses = [address["value"] for address in found.get("status", {}).get("addresses", ())]
        direct = next((address for address in addresses if _answers(address, 80)), None)
        self.base = f"http://{direct}" if direct else self._forwarded(gateway, folder)

    def close(self) -> None:
        """End the port-forward, if there is one."""
        if self._forward:
            self._forward.terminate()
            self._forward.wait()

    def _forwarded(self, gateway: GatewayAddress, folder: Path) -> str:
        selector = f"{_OWNER}-name={gateway.name},{_OWNER}-namespace={gateway.namespace}"
        services = cluster.items("services", "-A", "-l", selector)
        if not services:
            raise DemoError(f"the Gateway {gateway.namespace}/{gateway.name} has no address that this machine reaches")
        service, port = services[0]["metadata"], _free_port()
        target = ["port-forward", "-n", service["namespace"], f"service/{service['name']}", f"{port}:80"]
        self._forward = cluster.start([cluster.kubectl_program(), *target], folder / "port-forward.log")
        for _ in range(100):
            if _answers("127.0.0.1", port):
                return f"http://127.0.0.1:{port}"
            time.sleep(0.1)
        raise DemoError(f"kubectl port-forward to {service['name']} did not come up; see {folder / 'port-forward.log'}")


def wait_for_model(base: str, seconds: float = 90) -> None:
    """Wait until the Gateway passes requests on to the model. Raises DemoError when it does not."""
    url, end = f"{base}/v2/models/{manifests.NAME}/ready", time.monotonic() + seconds
    last = "nothing"
    while time.monotonic() < end:
        try:
            answer = httpx.get(url, headers={"host": manifests.HOSTNAME}, timeout=3, trust_env=False)
            if answer.is_success:
                return
            last = f"status {answer.status_code}"
        except httpx.HTTPError as problem:
            last = str(problem) or type(problem).__name__
        time.sleep(0.3)
    raise DemoError(f"after {seconds:.0f} s {url} still answers {last}")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_DIRECT_SECONDS):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
