"""How clumped events are, and what that does to the evidence."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from leadsman.api.evidence import ArmTotals, Comparison, Dispersion
from leadsman.core.evidence.dispersion import harm_inflation, observe, promotion_inflation


def arm(requests: int, events: int) -> ArmTotals:
    return ArmTotals(requests=requests, events=events)


def seen(*ticks: ArmTotals) -> Dispersion:
    dispersion = Dispersion()
    for tick in ticks:
        dispersion = observe(dispersion, tick)
    return dispersion


def comparison(candidate: Sequence[ArmTotals] = (), stable: Sequence[ArmTotals] = ()) -> Comparison:
    return Comparison(
        name="errorRate",
        tolerated=0.02,
        candidate_dispersion=seen(*candidate),
        stable_dispersion=seen(*stable),
    )


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_for_independent_events_both_sums_have_the_same_mean(first: int, second: int, share: float) -> None:
    events = round(share * (first + second))
    observed = expected = 0.0
    for x in range(max(0, events - second), min(events, first) + 1):
        dispersion = seen(arm(first, x), arm(second, events - x))
        probability = float(hypergeom.pmf(x, first + second, events, first))
        observed += probability * dispersion.observed
        expected += probability * dispersion.expected
    assert observed == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("clump", [1, 2, 5, 10])
def test_it_measures_the_size_of_clumps(clump: int) -> None:
    clumps = np.random.default_rng(7).poisson(0.5, 2000)
    one = comparison(stable=[arm(200, int(number) * clump) for number in clumps])
    assert promotion_inflation(one) == pytest.approx(clump, rel=0.15)
    assert harm_inflation(one) == pytest.approx(1.2 * clump, rel=0.15)


STEADY = [arm(180, 1)] * 60


@pytest.mark.parametrize(
    ("one", "least", "most"),
    [
        pytest.param(comparison(), 2.4, 2.4, id="nothing seen: clumps of two are assumed"),
        pytest.param(comparison([arm(10, 10)] * 20, [arm(90, 0)] * 20), 2.4, 2.4, id="total failure is no clump"),
        pytest.param(comparison(stable=STEADY), 1.0, 1.2, id="steady errors earn trust"),
        pytest.param(comparison([arm(20, 0), arm(20, 10)]), 8, 12, id="the first clump counts, though the candidate's"),
        pytest.param(comparison([arm(20, 0), arm(20, 10)], STEADY), 1.0, 1.2, id="not so where stable has a record"),
        pytest.param(comparison([arm(20, 1), arm(0, 0), arm(20, 1)]), 1.6, 2.0, id="idle ticks are skipped"),
    ],
)
def test_inflation(one: Comparison, least: float, most: float) -> None:
    assert least <= harm_inflation(one) <= most


def test_a_long_shared_outage_is_mostly_not_taken_for_clumps() -> None:
    random = np.random.default_rng(3)
    rates = [0.005] * 60 + [0.3] * 60 + [0.005] * 60
    one = comparison(stable=[arm(180, int(random.binomial(180, rate))) for rate in rates])
    assert harm_inflation(one) < 4
