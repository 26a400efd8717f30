"""Started again on a machine whose clock is an hour off, the operator may wait or refuse, but it does no harm.

That the clock of the machine it runs on may be set without its noticing is in test_lease.py.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import groupby

import pytest

from apiserver.kubeapi import Api
from apiserver.pilot import Pilot, pilot
from faults.scenarios import SCENARIOS, WEIGHTS, NotReachedError, live, piloted_world

pytestmark = pytest.mark.apiserver

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_no_user_is_worse_off_for_a_clock_that_is_an_hour_off(
    api: Api, new_namespace: Callable[[], str], subtests: pytest.Subtests, scenario: str, step: timedelta, full: bool
) -> None:
    async def life(at_pass: int) -> tuple[list[dict[str, int]], int]:
        world, passes = piloted_world(api, new_namespace()), 0
        async with pilot(world) as it:

            def another_machine(it: Pilot) -> None:
                nonlocal passes
                passes += 1
                if passes == at_pass:
                    it.now += step
                    it.restart()

            # It may be refused, or wait for an hour; what users see is what counts.
            with suppress(NotReachedError):
                await live(it, SCENARIOS[scenario], passes=25, each=another_machine)
        world.free_addresses()
        return world.history, passes

    right, passes = await life(0)
    assert right == WEIGHTS[scenario]
    for number in range(1, passes + 1) if full else (8,):
        with subtests.test(f"before pass {number}"):
            history, _ = await life(number)
            # Steps may be missing at the end, or a trial in the middle; none is new, and none is out of order.
            rest = iter(right)
            assert all(any(weights == other for other in rest) for weights, _ in groupby(history))
