"""The operator as it runs, in this process with the rights of the chart, and the world that turns beside it."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes.config import kube_config

from apiserver.kubeapi import LEADSMAN, Api
from apiserver.pilot import SERVING_IMAGE
from apiserver.world import World
from leadsman.handlers import runner
from leadsman.shell.settings import Settings
from support.helm import objects

PLURALS = {
    "ServiceAccount": "api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}


@pytest.fixture
def chart_account(api: Api, world: World, new_namespace: Callable[[], str], tmp_path: Path) -> Callable[..., Path]:
    """Installs the chart's ServiceAccount and roles; returns a kubeconfig with its token."""

    def install(release_namespace: str, *values: str) -> Path:
        for item in objects(*values, namespace=release_namespace):
            if path := PLURALS.get(item["kind"]):
                where = path.format(namespace=item["metadata"].get("namespace"))
                api.apply(f"{where}/{item['metadata']['name']}", item, manager="helm", force="true")
        token = api.create(f"api/v1/namespaces/{release_namespace}/serviceaccounts/leadsman/token", {"spec": {}})
        config = yaml.safe_load(api.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token["status"]["token"]}
        path = tmp_path / f"kubeconfig-{release_namespace}"
        path.write_text(json.dumps(config))
        return path

    return install


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Turning:
    """Turns the world every so often, beside an operator that runs in this process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.history: list[dict[str, int]] = []
        self.stopped = False

    async def run(self) -> None:
        while not self.stopped:
            routes = await asyncio.to_thread(self.world.turn)
            for route in routes:
                weights = await asyncio.to_thread(self.world.weights, [route])
                if weights and (not self.history or self.history[-1] != weights):
                    self.history.append(weights)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[None]:
    """The operator, in this process, until the context ends."""
    running = asyncio.ensure_future(runner.run(settings))
    try:
        yield
        assert not running.done(), running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def turning(world: World) -> AsyncIterator[Turning]:
    it = Turning(world)
    task = asyncio.ensure_future(it.run())
    try:
        yield it
    finally:
        it.stopped = True
        await task


def deployment(world: World) -> dict[str, Any]:
    return world.api.get(f"{LEADSMAN}/namespaces/{world.namespace}/modeldeployments/fraud")


def ready(world: World) -> tuple[str, str]:
    """The reason of Ready, and the stable version; of the latest generation only."""
    found = deployment(world)
    status = found["status"]
    if status["observedGeneration"] != found["metadata"]["generation"]:
        return "", ""
    reasons = [c["reason"] for c in status["conditions"] if c["type"] == "Ready"]
    return reasons[0], status["stableVersion"]


def events(world: World) -> set[str]:
    """The reasons of all Events. One is the last that a pass writes."""
    return {event["reason"] for event in world.api.items(f"apis/events.k8s.io/v1/namespaces/{world.namespace}/events")}


def total(port: int, metric: str) -> float:
    """A metric of the operator over all its labels; 0 before it answers."""
    with suppress(httpx.TransportError):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        return sum(float(value) for value in re.findall(rf"^{metric}_total\S* (\S+)$", text, re.MULTILINE))
    return 0


@pytest.fixture(params=["cluster-wide", "namespaced"])
def settings(
    request: pytest.FixtureRequest,
    world: World,
    new_namespace: Callable[[], str],
    chart_account: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """The operator's settings; its rights and its network of pods are in place."""
    home = new_namespace()
    namespaced = request.param == "namespaced"
    values = (f"--set=watchNamespaces={{{world.namespace}}}",) if namespaced else ()
    kubeconfig = str(chart_account(home, *values))
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    # kopf's client library reads it when it is imported.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    client = httpx.AsyncClient
    monkeypatch.setattr(runner.httpx, "AsyncClient", lambda **_: client(transport=world.transport()))
    yield Settings(
        serving_image=SERVING_IMAGE,
        namespaces=(world.namespace,) if namespaced else (),
        http_port=free_port(),
        lease_namespace=home,
        identity="test",
    )
    if not namespaced:
        world.api.delete("apis/rbac.authorization.k8s.io/v1/clusterrolebindings/leadsman")
