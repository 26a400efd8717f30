"""Containers that end: the likelihood ratio of Poisson processes."""

from math import exp, inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from leadsman.api.evidence import ArmCrashes, Crashes
from leadsman.core.evidence import ArmCounts
from leadsman.core.evidence.crashes import in_trouble_together, log_harm, observe, per_day

DAY = 86400.0
NONE = ArmCounts()


def crashed(count: int, days: float) -> ArmCounts:
    return ArmCounts(crashes=count, pod_seconds=days * DAY)


def mean(at_most: float, true: float, days: float) -> float:
    """Sum over all that can happen in that many pod days; where crashes are that rare a few dozen are all."""
    return sum(
        float(poisson.pmf(x, true * days)) * exp(log_harm(observe(Crashes(), at_most, crashed(x, days), NONE), at_most))
        for x in range(60)
    )


@given(st.floats(0.1, 10.0), st.floats(1e-7, 1e-4))
def test_its_mean_is_one_at_the_tolerated_rate(at_most: float, days: float) -> None:
    assert mean(at_most, at_most, days) == pytest.approx(1, abs=1e-6)


@given(st.floats(0.1, 10.0), st.floats(0.0, 1.0), st.floats(1e-7, 10.0))
def test_its_mean_is_at_most_one_below(at_most: float, share: float, days: float) -> None:
    assert mean(at_most, at_most * share, days) <= 1 + 1e-6


HOUR = 1 / 24


@pytest.mark.parametrize(
    ("crashes", "decides"),
    [
        pytest.param(crashed(0, 10), False, id="none in ten pod days"),
        pytest.param(crashed(1, HOUR), False, id="one in an hour may be chance"),
        pytest.param(crashed(3, HOUR), True, id="three in an hour are not"),
        pytest.param(crashed(2, 1), False, id="two in a day: hardly more than tolerated"),
        pytest.param(crashed(40, 2), True, id="twenty a day"),
    ],
)
def test_how_many_decide(crashes: ArmCounts, decides: bool) -> None:
    assert (log_harm(observe(Crashes(), 1.0, crashes, NONE), 1.0) >= log(101)) is decides


def test_looks_add_up() -> None:
    one = observe(observe(Crashes(), 1.0, crashed(1, 0.5), crashed(0, 1)), 1.0, crashed(2, 0.5), crashed(1, 1))
    assert one.candidate == ArmCrashes(count=3, pod_seconds=DAY)
    assert one.stable == ArmCrashes(count=1, pod_seconds=2 * DAY)
    assert per_day(one.candidate) == 3
    assert per_day(ArmCrashes()) is None


BOTH = observe(Crashes(), 1.0, crashed(3, HOUR), crashed(3, HOUR))


def test_a_cause_that_is_shared_is_not_the_candidates_for_good() -> None:
    later = observe(BOTH, 1.0, crashed(10, HOUR), crashed(0, HOUR))
    assert BOTH.shared
    assert later.shared
    assert log_harm(later, 1.0) == -inf


@pytest.mark.parametrize(
    ("one", "together"),
    [
        pytest.param(BOTH, True, id="both end too often"),
        pytest.param(observe(Crashes(), 1.0, crashed(0, HOUR), crashed(3, HOUR)), False, id="the candidate does not"),
        pytest.param(observe(Crashes(), 1.0, crashed(3, HOUR), NONE), False, id="the candidate alone does"),
        pytest.param(observe(BOTH, 1.0, crashed(0, 2), crashed(0, 2)), False, id="two days later all is well"),
    ],
)
def test_trouble_together(one: Crashes, together: bool) -> None:
    assert in_trouble_together(one, 1.0) is together
