"""How many pods a revision owes before it may have a share of the requests."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.modeldeployment import Scaling
from leadsman.api.rolloutpolicy import Shadow, Step
from leadsman.api.status import Mode, RolloutState
from leadsman.core.capacity import needed, next_share
from support.machine import SHADOW_FIRST, canary, in_preflight, policy, preparing, rolled_back, serving, shadow

FIXED, AUTO = Scaling(min_replicas=3), Scaling(min_replicas=2, max_replicas=8)

NEEDED = {
    "a fixed number of pods is the same for every share": (FIXED, 10, 50, 3),
    "and for no share": (FIXED, 0, 0, 3),
    "a small share owes the least there may be": (AUTO, 6, 5, 2),
    "a share of what stable runs with is rounded up": (AUTO, 7, 50, 4),
    "all requests owe all that stable runs with": (AUTO, 7, 100, 7),
    "no revision owes more than there may be": (AUTO, 20, 100, 8),
    "without a stable one the least there may be is owed": (AUTO, 0, 100, 2),
}


@pytest.mark.parametrize(("scaling", "stable", "weight", "pods"), NEEDED.values(), ids=NEEDED)
def test_the_pods_that_are_owed(scaling: Scaling, stable: int, weight: int, pods: int) -> None:
    assert needed(scaling, stable, weight) == pods


SCALINGS = st.builds(
    lambda least, more: Scaling(min_replicas=least, max_replicas=least + more), st.integers(1, 50), st.integers(0, 50)
)


@given(SCALINGS, st.integers(0, 200), st.integers(0, 99))
def test_more_requests_never_owe_fewer_pods_and_the_bounds_hold(scaling: Scaling, stable: int, weight: int) -> None:
    assert scaling.max_replicas is not None
    pods = needed(scaling, stable, weight)
    assert scaling.min_replicas <= pods <= scaling.max_replicas
    assert pods <= needed(scaling, stable, weight + 1)
    assert pods <= needed(scaling, stable + 1, weight)
    # Each pod gets no more than one of stable's got, unless there may be no more of them.
    assert pods == scaling.max_replicas or pods * 100 >= stable * weight


LONG = policy(steps=tuple(Step(weight=weight, min_duration=timedelta(0)) for weight in (5, 25, 50)))
COPIES_FIRST = policy(steps=(Step(shadow=Shadow(percent=40)), Step(weight=5), Step(weight=60)))

NEXT = {
    "who begins in this very pass may return to everything": (serving(), Mode.GATEWAY, 100),
    "after a rollback, too": (rolled_back(), Mode.GATEWAY, 100),
    "a candidate that passes its preflight now is for the first step": (in_preflight(policy=LONG), Mode.GATEWAY, 5),
    "a candidate that is prepared is for the first step": (preparing(policy=LONG), Mode.GATEWAY, 5),
    "without a gateway it gets everything at once": (preparing(policy=LONG), Mode.SERVICE, 100),
    "as does one that returns": (preparing(policy=LONG, returning=True), Mode.GATEWAY, 100),
    "in a step it is for the next one": (canary(1, policy=LONG), Mode.GATEWAY, 50),
    "in the last step it is for everything": (canary(2, policy=LONG), Mode.GATEWAY, 100),
    "copies are as much work as requests": (preparing(policy=SHADOW_FIRST), Mode.GATEWAY, 100),
    "while it gets copies it is for those, if the next step is smaller": (
        shadow(policy=COPIES_FIRST),
        Mode.GATEWAY,
        40,
    ),
}


@pytest.mark.parametrize(("state", "mode", "share"), NEXT.values(), ids=NEXT)
def test_the_share_that_comes_next(state: RolloutState, mode: Mode, share: int) -> None:
    assert next_share(state, mode) == share
