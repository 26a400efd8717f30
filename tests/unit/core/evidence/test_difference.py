"""The difference of two shares: half-normal mixtures of sub-Gaussian sums."""

from itertools import product
from math import exp, inf, isfinite, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import halfnorm

from leadsman.api.evidence import ArmTotals, Difference
from leadsman.core.evidence.difference import (
    estimate,
    interval,
    log_below,
    log_inside,
    log_outside,
    observe,
    start,
)
from unit.core.evidence.world import Answers, binomial

Tick = tuple[Answers, Answers]
RHO = 10.0


def seen(*ticks: Tick) -> Difference:
    one = start("predictions")
    for candidate, stable in ticks:
        one = observe(one, *(ArmTotals(requests=n, events=x) for n, x in (candidate, stable)))
    return one


def summed(weight: float, weighted: float) -> Difference:
    """Return sums as such, with no clumps seen: promotion evidence is not inflated then."""
    return Difference(name="quality", weight=weight, weighted=weighted)


@settings(max_examples=30)
@given(st.floats(1.0, 2000.0), st.floats(-3.0, 3.0))
def test_it_is_the_mixture_over_a_half_normal(weight: float, score: float) -> None:
    variance, margin = weight / 4, 0.1
    below = score * sqrt(variance)  # by how much the sum is below its mean under the null hypothesis
    closed = log_below(summed(weight, margin * weight - below), margin)
    mixed, _ = quad(lambda t: exp(t * below - t * t * variance / 2) * halfnorm.pdf(t, scale=RHO**-0.5), 0, 6)
    assert closed == pytest.approx(log(mixed), abs=1e-6)


@pytest.mark.parametrize("weight", [1.0, 40.0, 1000.0])
def test_its_mean_is_one_over_a_normal_sum(weight: float) -> None:
    sigma = sqrt(weight / 4)

    def wealth(score: float) -> float:
        evidence = log_below(summed(weight, 0.1 * weight - score * sigma), 0.1)
        return exp(evidence - score * score / 2) / sqrt(2 * pi)

    mean, _ = quad(wealth, -40, 40, limit=500)
    assert mean == pytest.approx(1, abs=1e-6)


def every_outcome(requests: Answers, rates: tuple[float, float]) -> list[tuple[float, Difference]]:
    return [
        (
            binomial(x, requests[0], rates[0]) * binomial(y, requests[1], rates[1]),
            seen(((requests[0], x), (requests[1], y))),
        )
        for x, y in product(range(requests[0] + 1), range(requests[1] + 1))
    ]


# Twenty requests make a stratum.
sizes = st.tuples(st.integers(4, 8), st.integers(16, 18))


@settings(max_examples=30, deadline=None)
@given(sizes, st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.5))
def test_the_means_are_at_most_one_under_their_null_hypothesis(
    size: Answers, candidate: float, stable: float, margin: float
) -> None:
    gap = candidate - stable
    outcomes = every_outcome(size, (candidate, stable))
    outside = sum(chance * exp(log_outside(one, margin)) for chance, one in outcomes)
    inside = sum(chance * exp(log_inside(one, margin)) for chance, one in outcomes)
    below = sum(chance * exp(log_below(one, margin)) for chance, one in outcomes)
    if abs(gap) <= margin:
        assert outside <= 1 + 1e-8
    if abs(gap) >= margin:
        assert inside <= 1 + 1e-8
    if gap >= margin:
        assert below <= 1 + 1e-8


@pytest.mark.parametrize(
    ("tick", "outside", "inside", "below"),
    [
        pytest.param(((84, 42), (84, 42)), False, True, True, id="no difference"),
        pytest.param(((84, 59), (84, 42)), True, False, False, id="twenty points more"),
        pytest.param(((84, 25), (84, 42)), True, False, True, id="twenty points less: no harm to quality"),
        pytest.param(((84, 50), (84, 42)), False, False, False, id="at the margin"),
        pytest.param(((4, 2), (4, 2)), False, False, False, id="too few"),
    ],
)
def test_what_is_shown_of_a_margin_of_ten_points(tick: Tick, outside: bool, inside: bool, below: bool) -> None:
    one = seen(*[tick] * 12)
    assert (log_outside(one, 0.1) > log(101)) is outside
    assert (log_inside(one, 0.1) > log(21)) is inside
    assert (log_below(one, 0.1) > log(21)) is below


def test_weights_and_base_rates_that_change_together_are_no_difference() -> None:
    one = seen(((10, 1), (990, 99)), ((500, 450), (500, 450)))
    assert estimate(one) == pytest.approx(0)
    assert log_outside(one, 0.1) < 0


def test_looks_of_one_revision_alone_are_counted_but_compare_nothing() -> None:
    one = seen(((10, 5), (0, 0)), ((0, 0), (7, 1)), ((0, 0), (0, 0)))
    assert (one.candidate.requests, one.stable.requests) == (10, 7)
    assert estimate(one) is None
    assert interval(one, 0.05) is None
    assert log_inside(one, 0.1) == log_outside(one, 0.1) == pytest.approx(0)


@given(st.just(0.0) | st.floats(0.5, 1e9), st.floats(-1, 1), st.floats(0.01, 0.99), st.floats(0, 1e6))
def test_it_is_finite_at_any_size(weight: float, gap: float, margin: float, more: float) -> None:
    one = summed(weight, weight * gap)
    assert isfinite(log_outside(one, margin))
    assert isfinite(log_inside(one, margin, more))
    assert isfinite(log_below(one, margin, more))


def test_more_of_the_same_is_as_if_it_had_come() -> None:
    assert log_below(summed(100, 2), 0.1, 300) == pytest.approx(log_below(summed(400, 8), 0.1))


@given(st.floats(1, 1e6), st.floats(-1, 1))
def test_the_interval_lies_about_the_estimate_within_what_is_possible(weight: float, gap: float) -> None:
    low, high = interval(summed(weight, weight * gap), 0.05) or (inf, -inf)
    assert -1 <= low <= gap + 1e-9
    assert gap - 1e-9 <= high <= 1


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.62, 0.5), (0.05, 0.02)])
def test_the_interval_covers_the_difference_at_all_looks_at_once(rates: tuple[float, float]) -> None:
    runs, missed = 150, 0
    for seed in range(runs):
        random = np.random.default_rng(seed)
        one = start("predictions")
        for look in range(80):
            size = random.poisson((8 + look % 20, 40 - look % 20))
            arms = [
                ArmTotals(requests=int(n), events=int(random.binomial(n, rate)))
                for n, rate in zip(size, rates, strict=True)
            ]
            one = observe(one, *arms)
            low, high = interval(one, 0.05) or (-1.0, 1.0)
            if not low <= rates[0] - rates[1] <= high:
                missed += 1
                break
    assert missed / runs <= 0.05 + 3 * sqrt(0.05 * 0.95 / runs)


def test_before_it_is_known_how_alike_the_predictions_of_a_request_are_nothing_is_held_against_it() -> None:
    """One request of a hundred rows, all of another class."""
    one = seen(((100, 0), (1000, 600)), ((100, 0), (1000, 600)))
    assert log_outside(one, 0.1) <= log(2)
    assert log_outside(seen(*[((100, 0), (1000, 600))] * 12), 0.1) > log(101)
