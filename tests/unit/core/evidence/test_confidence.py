"""Confidence sequences: they hold at all looks at once, and are never too narrow."""

from math import exp, inf, log, sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.evidence import ArmTotals
from leadsman.core.evidence.confidence import ALPHA, odds_interval, rate_interval
from leadsman.core.evidence.hypergeometric import Margins, log_mgf
from leadsman.core.evidence.processes import ODDS, added, mixture, odds_step
from unit.core.evidence.world import Answers, at_most

Tick = tuple[Answers, Answers]
GRID = np.geomspace(0.002, 5000, 400)


def likelihoods(ticks: list[Tick]) -> tuple[float, ...]:
    logs: tuple[float, ...] = (0.0,) * len(ODDS)
    for (n_c, x), (n_s, y) in ticks:
        logs = added(logs, odds_step(Margins(n_c, n_s, x + y), x))
    return logs


def log_likelihood(ticks: list[Tick], psi: float) -> float:
    """Return that of any odds ratio, not only of those that the engine follows."""
    strata = [(Margins(n_c, n_s, x + y), x) for (n_c, x), (n_s, y) in ticks]
    return sum(x * log(psi) - log_mgf(one, psi) for one, x in strata if one.informative)


answers = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
some_ticks = st.lists(st.tuples(answers, answers), min_size=1, max_size=4)


def ends(interval: tuple[float | None, float | None]) -> tuple[float, float]:
    low, high = interval
    return (0.0 if low is None else low), (inf if high is None else high)


@given(some_ticks, st.floats(1.0, 10.0))
def test_the_interval_of_odds_is_never_narrower_than_the_exact_one(ticks: list[Tick], phi: float) -> None:
    logs = likelihoods(ticks)
    low, high = ends(odds_interval(logs, phi))
    least = mixture([*(value / phi for value in logs), 0.0], 1.0) + log(ALPHA)
    plausible = [psi for psi in GRID if log_likelihood(ticks, psi) / phi > least]
    for psi in plausible:
        assert low <= psi * (1 + 1e-9)
        assert psi <= high * (1 + 1e-9)


@given(some_ticks)
def test_it_holds_the_plausible_points_of_the_grid_and_no_other_beyond_the_next(ticks: list[Tick]) -> None:
    by_odds = {**dict(zip(ODDS, likelihoods(ticks), strict=True)), 1.0: 0.0}
    low, high = ends(odds_interval(likelihoods(ticks), 1.0))
    least = mixture(list(by_odds.values()), 1.0) + log(ALPHA)
    points = sorted(by_odds)
    plausible = [psi for psi in points if by_odds[psi] > least]
    assert low <= plausible[0]
    assert plausible[-1] <= high
    if plausible[0] != points[0]:
        assert low >= points[points.index(plausible[0]) - 1] * (1 - 1e-9)
    if plausible[-1] != points[-1]:
        assert high <= points[points.index(plausible[-1]) + 1] * (1 + 1e-9)


@pytest.mark.parametrize(
    ("ticks", "low", "high"),
    [
        pytest.param([], None, None, id="nothing seen: anything"),
        pytest.param([((20, 0), (180, 0))], None, None, id="no event: anything"),
        pytest.param([((1000, 50), (1000, 50))] * 4, (0.5, 0.9), (1.1, 2.0), id="alike"),
        pytest.param([((1000, 200), (1000, 50))] * 4, (3, 4.8), (4.8, 9), id="odds of 4.75"),
        pytest.param([((10, 10), (90, 0))] * 4, (30, 100), None, id="beyond every point: open above"),
        pytest.param([((90, 0), (10, 10))] * 4, None, (0.2, 0.5), id="below every point: open below"),
    ],
)
def test_odds_interval(ticks: list[Tick], low: Answers | None, high: Answers | None) -> None:
    for end, between in zip(odds_interval(likelihoods(ticks), 1.0), (low, high), strict=True):
        if between is None:
            assert end is None
        else:
            assert end is not None
            assert between[0] < end < between[1]


totals = st.integers(0, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(totals, st.floats(1.0, 20.0))
def test_the_interval_of_a_rate_lies_about_it_and_widens_with_clumps(counts: Answers, phi: float) -> None:
    one = ArmTotals(requests=counts[0], events=counts[1])
    low, high = rate_interval(one, 1.0)
    rate = counts[1] / counts[0] if counts[0] else 0.5
    assert 0 <= low <= rate <= high <= 1
    wide = rate_interval(one, phi)
    assert wide[0] <= low + 1e-6
    assert wide[1] >= high - 1e-6


def test_nothing_seen_is_any_rate() -> None:
    assert rate_interval(ArmTotals(), 1.0) == (0.0, 1.0)


def odds_misses(random: np.random.Generator, psi: float) -> bool:
    """Whether the sequence ever excludes the true odds ratio, as the weight and the base rate change."""
    logs: tuple[float, ...] = (0.0,) * len(ODDS)
    for look in range(60):
        base = 0.02 + 0.1 * (20 <= look < 30)
        worse = psi * base / (1 - base) / (1 + psi * base / (1 - base))
        n_c, n_s = (int(n) for n in random.poisson((20 + 2 * look, 180 - 2 * look)))
        x, y = int(random.binomial(n_c, worse)), int(random.binomial(n_s, base))
        logs = added(logs, odds_step(Margins(n_c, n_s, x + y), x))
        low, high = ends(odds_interval(logs, 1.0))
        if not low <= psi <= high:
            return True
    return False


@pytest.mark.parametrize("psi", [1.0, 1.25, 2.4, 7.0])
def test_the_interval_of_odds_covers_at_all_looks_at_once(psi: float) -> None:
    runs = 80
    missed = sum(odds_misses(np.random.default_rng(seed), psi) for seed in range(runs))
    assert missed / runs <= at_most(ALPHA, runs)


def rate_misses(events: npt.NDArray[np.int64], size: int, rate: float) -> bool:
    for look, total in enumerate(np.cumsum(events), start=1):
        low, high = rate_interval(ArmTotals(requests=size * look, events=int(total)), 1.0)
        if not low <= rate <= high:
            return True
    return False


@pytest.mark.parametrize("rate", [0.002, 0.05, 0.6])
def test_the_interval_of_a_rate_covers_at_all_looks_at_once(rate: float) -> None:
    runs = 120
    random = np.random.default_rng(11)
    missed = sum(rate_misses(random.binomial(25, rate, 60), 25, rate) for _ in range(runs))
    assert missed / runs <= at_most(ALPHA, runs)


def test_alpha_is_what_is_promised() -> None:
    """A likelihood ratio of 1 : 20 against the mixture is what the ends are at."""
    one = ArmTotals(requests=1000, events=100)
    low, high = rate_interval(one, 1.0)
    marginal = np.exp(
        np.array([100 * log(p / 0.1) + 900 * log((1 - p) / 0.9) for p in np.linspace(1e-6, 1 - 1e-6, 200_001)])
    )
    for end in (low, high):
        likelihood = exp(100 * log(end / 0.1) + 900 * log((1 - end) / 0.9))
        assert float(marginal.mean()) / likelihood == pytest.approx(1 / ALPHA, rel=1e-3)
    assert low > 0.1 - 6 * sqrt(0.1 * 0.9 / 1000)
