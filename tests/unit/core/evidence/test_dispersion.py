"""How clumped events are, and what that does to the evidence."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from leadsman.api.evidence import ArmTotals, Dispersion
from leadsman.core.evidence import Minute
from leadsman.core.evidence.dispersion import harm_inflation, is_known, observe, of_the_past, promotion_inflation
from unit.core.evidence.world import QUIET_DAY, Traffic

NOTHING = Dispersion()


def arm(requests: int, events: int) -> ArmTotals:
    return ArmTotals(requests=requests, events=events)


def seen(*looks: ArmTotals) -> Dispersion:
    dispersion = NOTHING
    for look in looks:
        dispersion = observe(dispersion, look)
    return dispersion


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_for_independent_events_both_sums_have_the_same_mean(first: int, second: int, share: float) -> None:
    events = round(share * (first + second))
    observed = expected = 0.0
    for x in range(max(0, events - second), min(events, first) + 1):
        dispersion = seen(arm(first, x), arm(second, events - x))
        probability = float(hypergeom.pmf(x, first + second, events, first))
        observed += probability * dispersion.observed
        expected += probability * dispersion.expected
    # No pair counts for more than 30 times what is expected, which hardly ever happens by chance.
    assert observed <= expected + 1e-8
    assert observed == pytest.approx(expected, rel=0.02, abs=1e-8)


@pytest.mark.parametrize("clump", [1, 2, 5, 10])
def test_it_measures_the_size_of_clumps(clump: int) -> None:
    clumps = np.random.default_rng(7).poisson(0.5, 2000)
    stable = seen(*(arm(200, int(number) * clump) for number in clumps))
    assert promotion_inflation(NOTHING, stable) == pytest.approx(clump, rel=0.15)
    # The more clumped, the more cautious.
    assert harm_inflation(NOTHING, stable) >= clump * (1.09 if clump > 1 else 0.99)


@pytest.mark.parametrize("clump", [1, 2, 5, 10])
def test_a_day_tells_it_beforehand(clump: int) -> None:
    day = Traffic(20, clump=clump).history(np.random.default_rng(3))
    past = of_the_past(day)
    assert is_known(past)
    assert harm_inflation(NOTHING, past) == pytest.approx(clump if clump == 1 else 1.2 * clump, rel=0.2)
    assert past.expected <= 200  # so that what the rollout itself shows still counts


STEADY = [arm(180, 1)] * 60
FAILING = [arm(10, 10)] * 20


@pytest.mark.parametrize(
    ("candidate", "stable", "least", "most"),
    [
        pytest.param([], [], 1.79, 1.81, id="nothing seen: some clumping is assumed"),
        pytest.param(FAILING, [arm(90, 0)] * 20, 1.79, 1.81, id="total failure is no clump"),
        pytest.param([], STEADY, 1.0, 1.2, id="steady errors earn trust"),
        pytest.param([arm(20, 0), arm(20, 10)], [], 8, 12, id="the first clump counts, though the candidate's"),
        pytest.param([arm(20, 0), arm(20, 10)], STEADY, 1.0, 1.3, id="hardly where stable has a record"),
        pytest.param([arm(20, 1), arm(0, 0), arm(20, 1)], [], 1.2, 1.8, id="idle looks are skipped"),
    ],
)
def test_inflation(candidate: Sequence[ArmTotals], stable: Sequence[ArmTotals], least: float, most: float) -> None:
    assert least <= harm_inflation(seen(*candidate), seen(*stable)) <= most


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_it_only_ever_weakens_evidence(looks: list[tuple[int, int]]) -> None:
    one = seen(*(arm(n, min(n, x)) for n, x in looks))
    assert harm_inflation(one, one) >= promotion_inflation(one, one) >= 1


def test_a_long_shared_outage_is_mostly_not_taken_for_clumps() -> None:
    random = np.random.default_rng(3)
    rates = [0.005] * 60 + [0.3] * 60 + [0.005] * 60
    assert harm_inflation(NOTHING, seen(*(arm(180, int(random.binomial(180, rate))) for rate in rates))) < 4


@pytest.mark.parametrize(
    ("minutes", "known"),
    [
        pytest.param([], False, id="no past"),
        pytest.param(
            [Minute(at, 100, 0) for at in range(1440)], False, id="a day without errors tells nothing of them"
        ),
        pytest.param([Minute(0, 100, 5), Minute(1, 0, 0)], False, id="one busy minute has no neighbour"),
        pytest.param(QUIET_DAY, True, id="a day with some"),
    ],
)
def test_when_it_is_known(minutes: Sequence[Minute], known: bool) -> None:
    assert is_known(of_the_past(minutes)) is known
