"""Runs the operator's passes one by one against a real API server, with a clock of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from kubernetes.aio import client, config
from prometheus_client import CollectorRegistry

from apiserver.kubeapi import GATEWAY, LEADSMAN
from apiserver.world import World
from leadsman.shell.kube import Kube, KubeClient, Resource
from leadsman.shell.reconciler import Reconciler
from leadsman.shell.telemetry import Heartbeat, Metrics

SERVING_IMAGE = "registry.example.com/leadsman-serving:1"


class Killed(BaseException):
    """The process dies here: nothing may catch it, as nothing catches a SIGKILL."""


@dataclass
class MortalKube:
    """A `Kube` whose process dies just before one write, or just after it; with `at_reads` at any call."""

    kube: Kube
    dies_at: int | None = None
    after: bool = False
    at_reads: bool = False
    calls: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        with self._mortal(f"get {resource.plural}/{name}", reads=True):
            return await self.kube.get(resource, namespace, name)

    async def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        with self._mortal(f"list {resource.plural}", reads=True):
            return await self.kube.list(resource, namespace, labels)

    async def apply(
        self, resource: Resource, body: dict[str, Any], subresource: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        with self._mortal(f"apply {resource.plural}/{body['metadata']['name']} {subresource}"):
            return await self.kube.apply(resource, body, subresource, force=force)

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        with self._mortal(f"create {resource.plural}"):
            return await self.kube.create(resource, body)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        with self._mortal(f"delete {resource.plural}/{name}"):
            await self.kube.delete(resource, namespace, name)

    def _mortal(self, what: str, *, reads: bool = False) -> "_Mortal":
        self.calls.append(what)
        if not reads:
            self.writes.append(what)
        elif not self.at_reads:
            return _Mortal(dies=False, after=self.after)
        number = len(self.calls if self.at_reads else self.writes)
        return _Mortal(dies=number == self.dies_at, after=self.after)


@dataclass
class _Mortal:
    dies: bool
    after: bool

    def __enter__(self) -> None:
        if self.dies and not self.after:
            raise Killed

    def __exit__(self, *_: object) -> None:
        if self.dies and self.after:
            raise Killed


@dataclass
class Pilot:
    """One operator process, and the world around one ModelDeployment."""

    world: World
    name: str
    api: client.ApiClient
    kube: MortalKube
    now: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    history: list[dict[str, int]] = field(default_factory=list)
    """The live route's weights by version, each time they were found changed."""

    wrote: list[str] = field(default_factory=list)
    """What the last pass has written."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process: it knows nothing but what the API server holds."""
        self.registry = CollectorRegistry()
        self.reconciler = Reconciler(
            kube=self.kube,
            http=httpx.AsyncClient(transport=self.world.transport()),
            metrics=Metrics(self.registry),
            heartbeat=Heartbeat(),
            serving_image=SERVING_IMAGE,
            identity="test",
            clock=lambda: self.now,
            slots=asyncio.Semaphore(1),
        )

    async def run(self, until: Callable[["Pilot"], object], passes: int = 40) -> None:
        """Run passes, five seconds apart, until something is so; fails when it never is."""
        for _ in range(passes):
            await self.one_pass()
            if until(self):
                return
        raise AssertionError(f"it is not so after {passes} passes: {self.status}")

    async def one_pass(self) -> timedelta:
        """Run one pass, then let the world react to it."""
        before = len(self.kube.writes)
        try:
            again = await self.reconciler.reconcile((self.world.namespace, self.name))
        finally:
            self._look(self.world.turn())
            self.now += timedelta(seconds=5)
            self.wrote = self.kube.writes[before:]
        return again

    def restart(self) -> None:
        """Start again after a death; this process lives."""
        self.kube = MortalKube(self.kube.kube)
        self.start()

    def _look(self, routes: list[dict[str, Any]]) -> None:
        found = self.world.weights(routes)
        if found and (not self.history or found != self.history[-1]):
            self.history.append(found)

    @property
    def path(self) -> str:
        return f"{LEADSMAN}/namespaces/{self.world.namespace}/modeldeployments/{self.name}"

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.world.api.get(self.path)["status"]
        return status

    @property
    def weights(self) -> dict[str, int]:
        """The live route's weights, by version."""
        return self.world.weights(self.world.api.items(f"{GATEWAY}/namespaces/{self.world.namespace}/httproutes"))

    def settled(self, reason: str) -> bool:
        """The latest spec is Ready, or not, for a reason, and the last pass had nothing left to write."""
        if self.wrote:
            return False
        found = self.world.api.get(self.path)
        ready = [c["reason"] for c in found["status"].get("conditions", []) if c["type"] == "Ready"]
        return ready == [reason] and found["status"]["observedGeneration"] == found["metadata"]["generation"]

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition; empty when it is not there."""
        found = [c for c in self.status.get("conditions", []) if c["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    def serves(self, version: str) -> bool:
        """The version is the desired one, fully out."""
        return (
            self.condition("Ready") == ("True", "Serving")
            and self.status["stableVersion"] == version
            and self.weights == {version: 100}
        )


@asynccontextmanager
async def pilot(
    world: World,
    name: str = "fraud",
    dies_at: int | None = None,
    after: bool = False,
    at_reads: bool = False,
    kubeconfig: Path | None = None,
) -> AsyncIterator[Pilot]:
    """A pilot that is connected as the operator is; `kubeconfig` is its own, if not the world's."""
    configuration = client.Configuration()
    await config.load_kube_config(str(kubeconfig or world.api.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        yield Pilot(world, name, api, MortalKube(KubeClient(api), dies_at, after, at_reads))
