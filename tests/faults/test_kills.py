"""Killed at any call it makes, and started again, the operator comes to the same end by the same weights."""

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.kubeapi import Api
from apiserver.pilot import pilot
from faults.scenarios import SCENARIOS, WEIGHTS, live, piloted_world

pytestmark = pytest.mark.apiserver

# In the ordinary run, one in so many; a prime, so that it is not always the same call of a pass.
_ONE_IN = 61


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_killed_at_any_call_it_comes_to_the_same_end_by_the_same_weights(
    api: Api, new_namespace: Callable[[], str], subtests: pytest.Subtests, scenario: str, full: bool
) -> None:
    async def life(dies_at: int | None = None, after: bool = False) -> tuple[dict[str, Any], list[str]]:
        world = piloted_world(api, new_namespace())
        async with pilot(world, dies_at=dies_at, after=after, at_reads=True) as it:
            calls = it.kube.calls
            try:
                ended = await live(it, SCENARIOS[scenario])
            finally:
                world.free_addresses()
        assert world.history == WEIGHTS[scenario]
        assert world.looks > 0
        return ended, calls

    expected, calls = await life()
    # After a read there is nothing that would not be so before the next call.
    points = [
        (number, after)
        for number, call in enumerate(calls, start=1)
        for after in ((False,) if call.startswith(("get", "list")) else (False, True))
    ]
    for number, after in points if full else points[::_ONE_IN]:
        with subtests.test(f"killed {'after' if after else 'before'} call {number}", call=calls[number - 1]):
            ended, _ = await life(number, after)
            assert ended == expected
