"""What ConfigMaps say, on a real API server: it is rolled out, pinned where nobody can change it, and goes back."""

from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, ApiError, model, policy
from apiserver.pilot import Pilot, pilot
from apiserver.world import World

pytestmark = pytest.mark.apiserver

RUNTIME = {
    "env": [
        {"name": "MODE", "valueFrom": {"configMap": "settings", "key": "mode"}},
        {"name": "TOKEN", "valueFrom": {"secret": "store", "key": "token"}},
    ]
}


def config_maps(it: Pilot) -> str:
    return f"api/v1/namespaces/{it.world.namespace}/configmaps"


def say(it: Pilot, mode: str) -> None:
    """Have the ConfigMap say something."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": mode}}
    it.world.api.apply(f"{config_maps(it)}/settings", body)


async def calm(it: Pilot) -> None:
    """Version 1 serves with MODE=calm."""
    say(it, "calm")
    it.world.api.submit(policy(it.world.namespace), model(it.world.namespace, runtime=RUNTIME))
    await it.run(until=lambda it: it.settled("Serving"))
    assert it.weights == {"1:calm": 100}


def environments(it: Pilot) -> dict[str, set[str]]:
    """What each pod has as MODE, by the Deployment it is of."""
    found: dict[str, set[str]] = {}
    for pod in it.world.api.items(f"api/v1/namespaces/{it.world.namespace}/pods"):
        values = {one["value"] for one in _env(pod) if one["name"] == "MODE"}
        found.setdefault(it.world.version(pod["metadata"]["annotations"]["of"]), set()).update(values)
    return found


def _env(pod: dict[str, Any]) -> list[dict[str, Any]]:
    spec = pod["spec"]
    return [one for container in (*spec["initContainers"], *spec["containers"]) for one in container["env"]]


async def test_a_bad_content_is_rolled_back_and_the_old_one_serves(world: World) -> None:
    world.errors["1:wild"] = 0.3
    async with pilot(world) as it:
        await calm(it)
        say(it, "wild")
        await it.run(until=lambda it: it.settled("RolledBack"))
        assert it.history == [{"1:calm": 100}, {"1:calm": 80, "1:wild": 20}, {"1:calm": 100}]
        assert environments(it)["1:calm"] == {"calm"}


async def test_a_good_content_is_promoted_and_the_way_back_needs_no_config_map(world: World) -> None:
    async with pilot(world) as it:
        await calm(it)
        say(it, "mild")
        await it.run(until=lambda it: it.settled("Serving") and it.weights == {"1:mild": 100})
        assert environments(it) == {"1:calm": {"calm"}, "1:mild": {"mild"}}, "the old one is warm, with its own"
        it.world.api.delete(f"{config_maps(it)}/settings")
        await it.run(until=lambda it: it.settled("ConfigUnknown"))
        assert it.condition("Available") == ("True", "Serving")
        assert it.condition("Stalled") == ("True", "ConfigUnknown")
        assert it.weights == {"1:mild": 100}
        say(it, "calm")
        await it.run(until=lambda it: it.settled("Serving") and it.weights == {"1:calm": 100})
        assert world.made == 2, "no pod was made for the way back"


async def test_what_is_pinned_cannot_be_changed_and_no_secret_is_in_it(world: World) -> None:
    async with pilot(world) as it:
        await calm(it)
        [record] = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
        secret = {"name": "TOKEN", "valueFrom": {"secret": "store", "key": "token"}}
        assert record["spec"]["runtime"]["env"] == [{"name": "MODE", "value": "calm"}, secret]
        path = f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions/{record['metadata']['name']}"
        with pytest.raises(ApiError, match="a ModelRevision never changes"):
            world.api.patch(path, {"spec": {"runtime": {"env": [{"name": "MODE", "value": "wild"}]}}})
        with pytest.raises(ApiError, match="a ModelRevision never changes"):
            world.api.patch(path, {"spec": {"podTemplate": {"spec": {"containers": []}}}})


async def test_a_preflight_is_made_with_the_same_environment(world: World) -> None:
    async with pilot(world) as it:
        say(it, "calm")
        world.preflights["1:calm"] = []
        world.api.submit(policy(world.namespace), model(world.namespace, runtime=RUNTIME))
        jobs = f"apis/batch/v1/namespaces/{world.namespace}/jobs"
        await it.run(until=lambda it: world.api.items(jobs))
        [job] = world.api.items(jobs)
        [container] = job["spec"]["template"]["spec"]["containers"]
        await it.run(until=lambda it: it.settled("Serving"))
        [pod] = world.api.items(f"api/v1/namespaces/{world.namespace}/pods")
        assert container["env"] == pod["spec"]["containers"][0]["env"] == pod["spec"]["initContainers"][0]["env"]


async def test_nothing_is_born_before_its_config_map(world: World) -> None:
    async with pilot(world) as it:
        world.api.submit(policy(world.namespace), model(world.namespace, runtime=RUNTIME))
        await it.run(until=lambda it: it.settled("ConfigUnknown"))
        assert world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions") == []
        [said] = [c["message"] for c in it.status["conditions"] if c["type"] == "Ready"]
        assert said == "ConfigMap settings, which spec.runtime.env names for MODE, does not exist"
        say(it, "calm")
        await it.run(until=lambda it: it.settled("Serving"))
        assert it.weights == {"1:calm": 100}
