"""Rollouts under Kubernetes' own HorizontalPodAutoscaler controller: what it would do if it were let, and is not."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apiserver.kubeapi import GATEWAY, Api, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.podmetrics import STABILIZATION, autoscaler_controller, use_cpu
from apiserver.world import World

pytestmark = pytest.mark.apiserver

SCALING = {"minReplicas": 2, "maxReplicas": 20}
DEMAND = 8
"""Pods that all of the requests need."""


@pytest.fixture(scope="module", autouse=True)
def controller(api: Api) -> Iterator[None]:
    """The controller, for all of this module's tests."""
    with autoscaler_controller(api):
        yield


class Users(World):
    """Requests cost CPU, in the pods that get them; the autoscalers are real."""

    def autoscale(self) -> None:
        routes = self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/httproutes")
        shares = {ref["name"]: ref["weight"] for route in routes for ref in route["spec"]["rules"][0]["backendRefs"]}
        deployments = self.api.items(f"apis/apps/v1/namespaces/{self.namespace}/deployments")
        names = [item["metadata"]["name"] for item in deployments]
        use_cpu(self.api, self.namespace, {name: DEMAND * shares.get(name, 0) / 100 for name in names})


@pytest.fixture
def users(api: Api, namespace: str) -> Iterator[Users]:
    """Controllers, kubelet, gateway and users of the namespace."""
    users = Users(api, namespace)
    yield users
    users.free_addresses()


def replicas(it: Pilot) -> dict[str, int]:
    """The number of pods that each version is to have."""
    found = it.world.api.items(f"apis/apps/v1/namespaces/{it.world.namespace}/deployments")
    return {it.world.version(item["metadata"]["name"]): item["spec"]["replicas"] for item in found}


async def live(it: Pilot, seconds: float) -> None:
    """Passes, as long as it really takes; requests use CPU meanwhile, and the controller looks."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await it.one_pass()
        assert enough(it), (it.weights, replicas(it))


def enough(it: Pilot) -> bool:
    """Whether every version has the pods for its share."""
    pods = replicas(it)
    return all(pods[version] >= DEMAND * weight / 100 for version, weight in it.weights.items())


async def scaled(it: Pilot) -> None:
    """Submit version 1, and run passes until its autoscaler has found what it needs."""
    it.world.api.submit(policy(it.world.namespace), model(it.world.namespace, scaling=SCALING))
    await it.run(until=lambda it: it.serves("1"))
    for _ in range(200):
        await it.one_pass()
        if replicas(it)["1"] >= DEMAND:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(hpas(it))


def hpas(it: Pilot) -> list[dict[str, Any]]:
    return it.world.api.items(f"apis/autoscaling/v2/namespaces/{it.world.namespace}/horizontalpodautoscalers")


@pytest.mark.parametrize(("version", "end"), [("2", "Serving"), ("bad", "RolledBack")])
async def test_no_share_is_without_its_pods_on_the_way_in_or_back(users: Users, version: str, end: str) -> None:
    users.errors["bad"] = 0.3
    async with pilot(users) as it:
        await scaled(it)
        it.world.api.submit(policy(it.world.namespace, steps=[{"weight": 50, "minDuration": "60s"}]))
        users.api.submit(with_version(model(users.namespace, scaling=SCALING), version))
        for _ in range(300):
            await it.one_pass()
            assert enough(it), (it.weights, replicas(it))
            if it.condition("Ready")[1] == end and len(it.weights) == 1:
                break
        assert it.weights == {"2" if end == "Serving" else "1": 100}
        await live(it, STABILIZATION)
        assert it.condition("Ready")[1] == end


async def test_a_floor_that_ended_with_the_rollout_would_take_half_of_the_pods_away(users: Users) -> None:
    """The controller remembers what it wanted for half of the requests, and does it as soon as it may."""
    async with pilot(users) as it:
        await scaled(it)
        it.world.api.submit(
            policy(it.world.namespace, steps=[{"weight": 50, "minDuration": "10h", "maxDuration": "11h"}])
        )
        users.api.submit(with_version(model(users.namespace, scaling=SCALING), "2"))
        await it.run(until=lambda it: it.weights.get("2") == 50)
        await live(it, STABILIZATION + 4)
        assert replicas(it)["1"] >= DEMAND, "stable keeps what it may have to take back"
        [stable] = [one for one in hpas(it) if it.world.version(one["metadata"]["name"]) == "1"]
        path = f"apis/autoscaling/v2/namespaces/{users.namespace}/horizontalpodautoscalers/{stable['metadata']['name']}"
        users.api.patch(path, {"spec": {"minReplicas": 2}})
        for _ in range(100):
            if replicas(it)["1"] < DEMAND:
                break
            await asyncio.sleep(0.05)
        assert replicas(it)["1"] == DEMAND / 2, "this is what the floor holds off"
