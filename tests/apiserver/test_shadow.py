"""Shadow steps against a real API server with the Gateway API's own CRD: what is copied to whom, and for how long."""

from datetime import timedelta
from typing import Any

import pytest

from apiserver.kubeapi import GATEWAY, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.world import World

pytestmark = pytest.mark.apiserver


def rules(it: Pilot) -> list[dict[str, Any]]:
    """The rules of the live HTTPRoute."""
    [route] = it.world.api.items(f"{GATEWAY}/namespaces/{it.world.namespace}/httproutes")
    found: list[dict[str, Any]] = route["spec"]["rules"]
    return found


def copies(it: Pilot) -> dict[str, int]:
    """Who gets copies of what share of requests, by version."""
    mirrors = [one["requestMirror"] for rule in rules(it) for one in rule.get("filters", [])]
    return {it.world.version(one["backendRef"]["name"]): one.get("percent", 100) for one in mirrors}


async def shadow(it: Pilot, version: str, **step: Any) -> None:
    """Version 1 serves, and another one is in its shadow step."""
    namespace = it.world.namespace
    steps = [{"shadow": step, "minDuration": "0s"}, {"weight": 50, "minDuration": "0s"}]
    it.world.api.submit(policy(namespace, steps=steps), model(namespace))
    await it.run(until=lambda it: it.serves("1"))
    it.world.api.submit(with_version(model(namespace), version))
    await it.run(until=lambda it: it.status["rollout"]["phase"] == "Shadow" and copies(it))


async def test_a_good_candidate_gets_copies_first_and_they_end_when_it_gets_requests(world: World) -> None:
    async with pilot(world) as it:
        await shadow(it, "2")
        assert copies(it) == {"2": 100}
        assert it.weights == {"1": 100}
        assert it.status["weight"] == 0
        await it.run(until=lambda it: it.weights == {"1": 50, "2": 50})
        assert [sorted(rule) for rule in rules(it)] == [["backendRefs", "matches"]], "no rule and no filter is left"
        assert world.copied["2"] > 0
        await it.run(until=lambda it: it.serves("2"))
        assert it.history == [{"1": 100}, {"1": 50, "2": 50}, {"2": 100}]


async def test_a_bad_candidate_is_rolled_back_before_a_single_user_saw_it(world: World) -> None:
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await shadow(it, "bad")
        await it.run(until=lambda it: it.condition("Ready") == ("False", "RolledBack") and not copies(it))
        assert it.history == [{"1": 100}]
        assert world.served["bad"] == 0
        assert world.copied["bad"] > 0
        got = world.copied["bad"]
        for _ in range(5):
            await it.one_pass()
        assert world.copied["bad"] == got


async def test_a_route_that_copies_reads_back_as_it_was_written(world: World) -> None:
    world.requests_per_turn = 0
    async with pilot(world) as it:
        await shadow(it, "2", percent=10)
        assert copies(it) == {"2": 10}
        for _ in range(3):
            await it.one_pass()
            assert not [write for write in it.wrote if "httproutes" in write]


async def test_a_copy_that_somebody_puts_into_the_route_at_rest_is_taken_out(world: World) -> None:
    async with pilot(world) as it:
        await shadow(it, "2")
        mirrored = rules(it)[0]["filters"]
        await it.run(until=lambda it: it.serves("2"))
        it.now += timedelta(hours=1)  # until then its predecessor gets copies, to be compared with
        await it.run(until=lambda it: copies(it) == {})
        route = f"{GATEWAY}/namespaces/{world.namespace}/httproutes/fraud"
        world.api.patch(route, {"spec": {"rules": [{**rules(it)[0], "filters": mirrored}]}})
        await it.one_pass()
        assert copies(it) == {}
