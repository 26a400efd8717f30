"""Evidence against the objective, and the trouble of the stable revision that takes the blame off the candidate."""

from math import exp, inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.evidence import ArmTotals, Excess
from leadsman.core.evidence import excess
from unit.core.evidence.world import binomial

OBJECTIVE = 0.01
NONE = ArmTotals()


def arm(requests: int, events: int) -> ArmTotals:
    return ArmTotals(requests=requests, events=events)


def begun(objective: float | None = OBJECTIVE, past: ArmTotals = NONE) -> Excess:
    return excess.start(objective, 0.02, past)


def seen(one: Excess, *looks: tuple[ArmTotals, ArmTotals], seconds: float = 10.0) -> Excess:
    for candidate, stable in looks:
        one = excess.observe(one, candidate, stable, seconds)
    return one


@given(st.integers(1, 80), st.floats(0.0, 1.0), st.floats(1.0, 9.0))
def test_its_mean_is_at_most_one_up_to_the_objective(requests: int, below: float, phi: float) -> None:
    mean = sum(
        binomial(x, requests, OBJECTIVE * below) * exp(excess.log_harm(seen(begun(), (arm(requests, x), NONE)), phi))
        for x in range(requests + 1)
    )
    assert mean <= 1 + 1e-8


def test_it_is_one_at_the_objective() -> None:
    mean = sum(
        binomial(x, 50, OBJECTIVE) * exp(excess.log_harm(seen(begun(), (arm(50, x), NONE)), 1.0)) for x in range(51)
    )
    assert mean == pytest.approx(1, abs=1e-8)


FAILING, WELL = arm(10, 5), arm(90, 0)


def test_a_candidate_that_fails_alone_is_to_blame() -> None:
    assert excess.log_harm(seen(begun(), (FAILING, WELL)), 1.0) > log(100)


def test_once_the_cause_was_shared_it_is_never_the_candidates() -> None:
    shared = seen(begun(), (FAILING, arm(90, 45)), *[(arm(100, 100), arm(900, 0))] * 20)
    assert shared.shared
    assert excess.log_harm(shared, 1.0) == -inf


@pytest.mark.parametrize(
    ("past", "shared"),
    [
        pytest.param(NONE, False, id="no past: innocent"),
        pytest.param(arm(10_000, 100), False, id="as good as the objective"),
        pytest.param(arm(10_000, 140), False, id="a little worse"),
        pytest.param(arm(10_000, 200), True, id="clearly worse: no candidate is blamed for what stable does as well"),
        pytest.param(arm(50, 2), False, id="two errors prove nothing"),
    ],
)
def test_a_past_above_the_objective_is_a_shared_cause_from_the_start(past: ArmTotals, shared: bool) -> None:
    assert begun(past=past).shared is shared


def test_without_an_objective_nobody_is_blamed() -> None:
    assert not begun(None).blames
    assert not begun(None, arm(1000, 900)).shared


@pytest.mark.parametrize(
    ("one", "answers"),
    [
        pytest.param(begun(), True, id="nobody is silent before the first look"),
        pytest.param(seen(begun(), *[(FAILING, NONE)] * 6), True, id="nor after a minute without an answer"),
        pytest.param(seen(begun(), *[(FAILING, NONE)] * 7), False, id="a little later it is"),
        pytest.param(seen(begun(), (FAILING, WELL), *[(FAILING, NONE)] * 25), True, id="it answered much lately"),
        pytest.param(seen(begun(), (FAILING, WELL), *[(FAILING, NONE)] * 30), False, id="that is long ago"),
    ],
)
def test_silence_of_the_stable_revision(one: Excess, answers: bool) -> None:
    assert excess.stable_answers(one) is answers


HEALTHY, OUTAGE = (arm(10, 0), arm(90, 0)), (arm(10, 5), arm(90, 45))


@pytest.mark.parametrize(
    ("one", "trouble"),
    [
        pytest.param(begun(), False, id="nothing seen"),
        pytest.param(seen(begun(), HEALTHY), False, id="all is well"),
        pytest.param(seen(begun(), (NONE, arm(10, 2))), False, id="two errors are no trouble"),
        pytest.param(seen(begun(), OUTAGE), True, id="an outage of both"),
        pytest.param(seen(begun(), *[OUTAGE] * 6, *[HEALTHY] * 6), True, id="a minute later it still is"),
        pytest.param(seen(begun(), *[OUTAGE] * 6, *[HEALTHY] * 60), False, id="ten minutes later it is not"),
        pytest.param(
            seen(begun(None), (NONE, arm(1000, 15))), False, id="no objective: what is tolerated is no trouble"
        ),
        pytest.param(seen(begun(None), (NONE, arm(1000, 25))), True, id="more than that is"),
        pytest.param(
            seen(begun(None, arm(1000, 50)), (NONE, arm(1000, 90))), False, id="unless it always was nearly as bad"
        ),
        pytest.param(seen(begun(None, arm(1000, 50)), (NONE, arm(1000, 110))), True, id="and now is twice as bad"),
        pytest.param(seen(begun(None, arm(1000, 990)), (NONE, arm(1000, 880))), False, id="always hopeless"),
    ],
)
def test_trouble_of_the_stable_revision(one: Excess, trouble: bool) -> None:
    assert excess.stable_in_trouble(one) is trouble


@given(st.floats(-7200, 7200))
def test_a_clock_that_jumps_makes_no_trouble(seconds: float) -> None:
    one = excess.observe(seen(begun(), *[HEALTHY] * 5), *HEALTHY, seconds)
    assert one.recent_requests <= 90 * 6
    assert not excess.stable_in_trouble(one)
