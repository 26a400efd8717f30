"""The ways into the cluster: the addresses at which this machine reaches the Gateway, and other Services."""

import socket
import time
from pathlib import Path

import httpx

from demo import cluster, manifests
from demo.cluster import DemoError
from demo.data import NAME
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
        self._forward: Forward | None = None
        found = cluster.get("gateways.gateway.networking.k8s.io", gateway.name, "-n", gateway.namespace) or {}
        addresses = [address["value"] for address in found.get("status", {}).get("addresses", ())]
        direct = next((address for address in addresses if _answers(address, 80)), None)
        self.base = f"http://{direct or self._forwarded(gateway, folder)}"

    def close(self) -> None:
        """End the port-forward, if there is one."""
        if self._forward:
            self._forward.close()

    def _forwarded(self, gateway: GatewayAddress, folder: Path) -> str:
        selector = f"{_OWNER}-name={gateway.name},{_OWNER}-namespace={gateway.namespace}"
        services = cluster.items("services", "-A", "-l", selector)
        if not services:
            raise DemoError(f"the Gateway {gateway.namespace}/{gateway.name} has no address that this machine reaches")
        service = services[0]["metadata"]
        self._forward = Forward(service["namespace"], service["name"], 80, folder)
        return self._forward.address


class Forward:
    """A port of this machine, `address`, that leads to a Service."""

    def __init__(self, namespace: str, service: str, port: int, folder: Path) -> None:
        local, log = _free_port(), folder / f"port-forward-{service}.log"
        target = ["port-forward", "-n", namespace, f"service/{service}", f"{local}:{port}"]
        self._process = cluster.start([cluster.kubectl_program(), *target], log)
        self.address = f"127.0.0.1:{local}"
        for _ in range(100):
            if _answers("127.0.0.1", local):
                return
            time.sleep(0.1)
        self.close()
        raise DemoError(f"kubectl port-forward to {service} did not come up; see {log}")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def wait_for_model(base: str, seconds: float = 90) -> None:
    """Wait until the Gateway passes requests on to the model. Raises DemoError when it does not."""
    url, end = f"{base}/v2/models/{NAME}/ready", time.monotonic() + seconds
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
