"""Killed between any two writes and started again, the operator reaches the same end by the same weights."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apiserver.kubeapi import Api, model, policy, with_version
from apiserver.outcome import outcome
from apiserver.pilot import Killed, Pilot, pilot
from apiserver.world import World, ended

pytestmark = pytest.mark.apiserver

FAILED = json.dumps({"v": 1, "passed": False, "sentence": "golden: 3 of 10 answers differ"})


async def reach(it: Pilot, version: str, reason: str) -> None:
    """Submit a version and run passes until all is done about it, through the death of a process on the way."""
    it.world.api.submit(with_version(model(it.world.namespace), version))
    for _ in range(20):
        await _pass(it)
        if it.settled(reason):
            return
    raise AssertionError(f"version {version} does not get to {reason}: {it.status}")


async def drain(it: Pilot) -> None:
    """Let the time pass that a rolled back revision keeps its pods."""
    it.now += timedelta(minutes=1)
    await _pass(it)
    await _pass(it)


async def _pass(it: Pilot) -> None:
    try:
        await it.one_pass()
    except Killed:
        it.restart()


def ended_as(it: Pilot) -> dict[str, Any]:
    return {"weights that users saw": it.history, **outcome(it.world)}


def fresh_world(api: Api, namespace: str) -> World:
    api.submit(policy(namespace, steps=[{"weight": 50, "minDuration": "0s"}]))
    return World(
        api, namespace, requests_per_turn=10_000, errors={"bad": 0.3}, preflights={"errs": [ended(65, FAILED)]}
    )


@pytest.mark.parametrize(
    ("version", "reason"), [("good", "Serving"), ("bad", "RolledBack"), ("errs", "PreflightFailed")]
)
async def test_killed_before_any_write_and_started_again_it_gets_to_the_same_end(
    api: Api, new_namespace: Callable[[], str], subtests: pytest.Subtests, version: str, reason: str
) -> None:
    async def life(dies_at: int | None) -> tuple[dict[str, Any], list[str], int]:
        world = fresh_world(api, new_namespace())
        async with pilot(world, dies_at=dies_at) as it:
            await reach(it, "1", "Serving")
            first = len(it.kube.writes)
            await reach(it, version, reason)
            await drain(it)
            ended = ended_as(it)
        world.free_addresses()
        return ended, it.kube.writes, first

    expected, writes, first = await life(dies_at=None)
    # The first revision's own writes are the same in both lives: one of them dies there too.
    for number, write in list(enumerate(writes, start=1))[0 if version == "good" else first :]:
        with subtests.test(f"killed before write {number}", write=write):
            ended, _, _ = await life(dies_at=number)
            assert ended == expected


async def test_processes_that_never_live_longer_than_three_writes_get_there_too(world: World) -> None:
    """Three are what a decision takes that ends a rollout: recording, receipt, status."""
    world.api.submit(policy(world.namespace, steps=[{"weight": 50, "minDuration": "0s"}]))
    world.errors["bad"], world.requests_per_turn = 0.3, 10_000
    async with pilot(world, dies_at=4) as it:
        for version, reason in (("1", "Serving"), ("good", "Serving"), ("bad", "RolledBack")):
            world.api.submit(with_version(model(world.namespace), version))
            for _ in range(60):
                await _pass(it)
                it.kube.dies_at = len(it.kube.writes) + 4
                if it.settled(reason):
                    break
            else:
                raise AssertionError(f"version {version} does not get to {reason}: {it.status}")
        assert it.history == [
            {"1": 100},
            {"1": 50, "good": 50},
            {"good": 100},
            {"good": 50, "bad": 50},
            {"good": 100},
        ]
