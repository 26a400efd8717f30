"""A GitOps tool resets a route of its own in mid-rollout: the rollout waits, says who it is, and goes on after it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from apiserver.kubeapi import GATEWAY, Api, ApiError, model, policy, with_version
from apiserver.running import deployment, operator, ready, turning
from apiserver.test_routes import own_route, path_of, rules
from apiserver.waiting import soon
from apiserver.world import World
from leadsman.shell.settings import Settings

pytestmark = pytest.mark.apiserver

_WRITES = re.compile(r'^leadsman_writes_total\{kind="HTTPRoute"\} (\S+)$', re.MULTILINE)


@dataclass
class AnsweringWorld(World):
    """A world that checks before every turn that whoever gets requests can answer them."""

    serves: bool = False

    def turn(self) -> list[dict[str, Any]]:
        routes = self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/httproutes")
        weights = self.weights(routes)
        self.serves = self.serves or bool(weights)
        assert sum(weights.values()) == (100 if self.serves else 0), weights
        pods = [item for item in self.api.items(self._path("pods")) if "of" in item["metadata"]["annotations"]]
        answering = {
            self.version(pod["metadata"]["annotations"]["of"])
            for pod in pods
            if [c["status"] for c in pod["status"].get("conditions", []) if c["type"] == "Ready"] == ["True"]
        }
        assert set(weights) <= answering, f"{weights}, but only {answering} can answer"
        return super().turn()


@pytest.fixture
def world(api: Api, namespace: str) -> Iterator[World]:
    world = AnsweringWorld(api, namespace)
    yield world
    world.free_addresses()


def server_side_apply(world: World) -> None:
    """Flux's kustomize-controller."""
    world.api.apply(path_of(world, "own"), own_route(world), manager="kustomize-controller", force="true")


def merge_patch(world: World) -> None:
    """Argo CD with selfHeal."""
    world.api.patch(path_of(world, "own"), {"spec": own_route(world)["spec"]}, fieldManager="argocd-controller")


def replacement(world: World) -> None:
    """`kubectl replace` in a loop, of a manifest that has a weight of its own."""
    manifest = own_route(world)
    manifest["spec"]["rules"][0]["backendRefs"][0]["weight"] = 100
    found = world.api.get(path_of(world, "own"))["metadata"]["resourceVersion"]
    manifest["metadata"]["resourceVersion"] = found
    try:
        world.api.put(path_of(world, "own"), manifest, fieldManager="kubectl-replace")
    except ApiError as error:
        if error.status != 409:
            raise


Reset = Callable[[World], None]
TOOLS: dict[str, Reset] = {
    "kustomize-controller": server_side_apply,
    "kubectl-replace": replacement,
    "argocd-controller": merge_patch,
}


def backends(world: World) -> int:
    """How many the model's rule has."""
    return len(rules(world, "own")[0]["backendRefs"])


@dataclass
class Resetting:
    """A tool at work."""

    times: int = 0
    """How often it found a split and took it away."""


@asynccontextmanager
async def resetting(world: World, reset: Reset, period: float) -> AsyncIterator[Resetting]:
    """Reset the route every so many seconds."""
    it = Resetting()

    def once() -> None:
        was_split = backends(world) == 2
        reset(world)
        it.times += was_split and backends(world) == 1

    async def again() -> None:
        while True:
            began = time.monotonic()
            await asyncio.to_thread(once)
            await asyncio.sleep(max(began + period - time.monotonic(), 0))

    task = asyncio.ensure_future(again())
    try:
        yield it
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


def writes(settings: Settings) -> float:
    """How often the operator has written a route."""
    text = httpx.get(f"http://127.0.0.1:{settings.http_port}/metrics", trust_env=False).text
    return sum(map(float, _WRITES.findall(text)))


def candidate(world: World) -> dict[str, Any]:
    found: dict[str, Any] = deployment(world)["status"]["rollout"]["candidate"]
    return found


def told(world: World, kind: str) -> str:
    """What a condition says."""
    conditions = deployment(world)["status"]["conditions"]
    return next((f"{one['reason']}: {one['message']}" for one in conditions if one["type"] == kind), "")


def goes_on(world: World) -> bool:
    """Whether the step's clock goes, by a look at its route."""
    found = candidate(world)
    return "route" in found and "clockStoppedAt" not in found


@pytest.mark.parametrize("settings", ["namespaced"], indirect=True)  # its writes are counted: others' models are not
async def test_a_tool_that_resets_the_route_every_second_holds_the_step_and_is_not_fought(
    world: World, settings: Settings
) -> None:
    world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
    steps = [{"weight": 20, "minDuration": "4s"}, {"weight": 50, "minDuration": "0s"}]
    asked = model(world.namespace, traffic={"route": {"name": "own"}})
    world.api.submit(policy(world.namespace, steps=steps), asked)
    async with operator(settings), turning(world) as it:
        await soon(lambda: ready(world) == ("Serving", "1"), "the first revision serves")
        world.api.submit(with_version(asked, "2"))
        await soon(lambda: it.history[-1:] == [{"1": 80, "2": 20}] and goes_on(world), "the first step goes on")
        for tool, reset in TOOLS.items():
            async with resetting(world, reset, 1.0) as at_work:
                await soon(lambda tool=tool: tool in told(world, "Ready"), f"{tool} is named")
                assert told(world, "Skewed").startswith("SplitDisturbed: HTTPRoute own does not split")
                await soon(lambda at=at_work: at.times >= 2, f"{tool} has reset it some times")
        before, began = await asyncio.to_thread(writes, settings), time.monotonic()
        async with resetting(world, merge_patch, 0.0) as at_work:
            await soon(lambda: at_work.times >= 5, "even one that does so at once has reset it some times")
        # A second after it was reset, and at each look that is due anyway: here that is once a second, too.
        assert await asyncio.to_thread(writes, settings) - before <= 2 * (time.monotonic() - began) + 2
        assert candidate(world)["step"] == 0
        assert "clockStoppedAt" in candidate(world)
        assert {tuple(weights.items()) for weights in it.history} == {(("1", 100),), (("1", 80), ("2", 20))}
        await soon(lambda: ready(world) == ("Serving", "2"), "it goes on when nobody resets it any more", 60)
        assert it.history[-3:] == [{"1": 80, "2": 20}, {"1": 50, "2": 50}, {"2": 100}]
        assert told(world, "Skewed") == ""
