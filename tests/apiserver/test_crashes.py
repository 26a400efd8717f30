"""Killed between any two writes and started again, the operator reaches the same end by the same weights."""

from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from apiserver.kubeapi import LEADSMAN, Api, model, policy, with_version
from apiserver.pilot import Killed, Pilot, pilot
from apiserver.world import World

pytestmark = pytest.mark.apiserver

async def live(it: Pilot) -> bool:
    """A first version, a good one, a bad one; whether the process died on the way and was started again."""
    died = False
    for version, reason in (("1", "Serving"), ("2", "Serving"), ("bad", "RolledBack")):
        it.world.api.submit(with_version(model(it.world.namespace), version))
        for _ in range(20):
            died = await _pass(it) or died
            if it.settled and it.condition("Ready")[1] == reason:
                break
        else:
            raise AssertionError(f"version {version} does not get to {reason}: {it.status}")
    it.now += timedelta(minutes=1)  # the rejected one has drained
    for _ in range(3):
        died = await _pass(it) or died
    return died


async def _pass(it: Pilot) -> bool:
    try:
        await it.one_pass()
    except Killed:
        it.restart()
        return True
    return False


def outcome(it: Pilot) -> dict[str, Any]:
    """All that may not depend on when the process died."""
    world = it.world
    revisions = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
    version = {item["metadata"]["name"]: item["spec"]["model"]["version"] for item in revisions}
    return {
        "weights that users saw": it.history,
        "audit trail": {
            # Before there is a status, a lost one looks the same: the first decision of all may be recorded twice.
            version[item["metadata"]["name"]]: [
                reason for reason, _ in groupby(decision["reason"] for decision in item["status"]["decisions"])
            ]
            for item in revisions
        },
        "roles": {version[i["metadata"]["name"]]: i["metadata"]["labels"]["leadsman.dev/role"] for i in revisions},
        "outcomes": {version[item["metadata"]["name"]]: item["status"]["outcome"] for item in revisions},
        "deployments": _names(it, "apis/apps/v1", "deployments"),
        "services": _names(it, "api/v1", "services"),
        "pods ever started": world.made,
    }


def _names(it: Pilot, group: str, plural: str) -> list[str]:
    items = it.world.api.items(f"{group}/namespaces/{it.world.namespace}/{plural}")
    return sorted(item["metadata"]["name"] for item in items)


def fresh_world(api: Api, namespace: str) -> World:
    api.submit(policy(namespace, steps=[{"weight": 50, "minDuration": "0s"}]))
    return World(api, namespace, requests_per_turn=10_000, errors={"bad": 0.3})


async def test_killed_before_any_write_and_started_again_it_gets_to_the_same_end(
    api: Api, new_namespace: Callable[[], str], subtests: pytest.Subtests
) -> None:
    world = fresh_world(api, new_namespace())
    async with pilot(world) as it:
        assert not await live(it)
        expected, writes = outcome(it), it.kube.writes
    world.free_addresses()
    assert len(writes) > 30
    for number, write in enumerate(writes, start=1):
        world = fresh_world(api, new_namespace())
        with subtests.test(f"killed before write {number}", write=write):
            async with pilot(world, dies_at=number) as it:
                assert await live(it)
                assert outcome(it) == expected
        world.free_addresses()
