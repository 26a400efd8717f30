"""Each step's mean under its null hypothesis, by enumeration."""

from collections.abc import Callable, Sequence
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from leadsman.core.evidence.hypergeometric import Margins, log_mgf
from leadsman.core.evidence.processes import (
    ACCEPTABLE_ODDS,
    HARM,
    ODDS,
    TOLERATED_ODDS,
    acceptable_rates,
    excessive_rates,
    log_sum_exp,
    mixture,
    odds_step,
    rate_step,
    relative_step,
)
from unit.core.evidence.world import binomial

margins = st.builds(
    lambda candidate, stable, share: Margins(candidate, stable, round(share * (candidate + stable))),
    st.integers(0, 40),
    st.integers(0, 40),
    st.floats(0, 1),
).filter(lambda one: one.candidate + one.stable > 0)


def mean_of_step(one: Margins, step: Callable[[int], Sequence[float]], true: float, phi: float = 1.0) -> list[float]:
    """Return the mean of the (tempered) step, per point of its grid, where the true odds ratio is `true`."""
    means = [0.0] * len(step(max(0, one.events - one.stable)))
    for x in range(max(0, one.events - one.stable), min(one.events, one.candidate) + 1):
        central = float(hypergeom.pmf(x, one.candidate + one.stable, one.events, one.candidate))
        probability = central * true**x / exp(log_mgf(one, true))
        for at, value in enumerate(step(x)):
            means[at] += probability * exp(value / phi)
    return means


def harm(one: Margins) -> Callable[[int], Sequence[float]]:
    return lambda x: odds_step(one, x)[HARM]


def promotion(one: Margins) -> Callable[[int], Sequence[float]]:
    return lambda x: relative_step(odds_step(one, x))


@given(margins)
def test_the_mean_of_a_step_is_one_at_equal_odds(one: Margins) -> None:
    means = mean_of_step(one, lambda x: odds_step(one, x), true=1.0)
    assert means == pytest.approx([1.0] * len(ODDS), abs=1e-8)


@given(margins)
def test_the_mean_of_a_promotion_step_is_one_at_the_tolerated_odds(one: Margins) -> None:
    means = mean_of_step(one, promotion(one), true=TOLERATED_ODDS)
    assert means == pytest.approx([1.0] * len(ACCEPTABLE_ODDS), abs=1e-8)


@given(margins, st.floats(0.05, 1.0))
def test_the_mean_of_a_step_is_at_most_one_for_a_better_candidate(one: Margins, true: float) -> None:
    assert max(mean_of_step(one, harm(one), true)) <= 1 + 1e-8


@given(margins, st.floats(TOLERATED_ODDS, 50.0))
def test_the_mean_of_a_promotion_step_is_at_most_one_for_a_worse_candidate(one: Margins, true: float) -> None:
    assert max(mean_of_step(one, promotion(one), true)) <= 1 + 1e-8


@given(margins, st.floats(1.0, 20.0))
def test_tempering_keeps_the_mean_at_most_one(one: Margins, phi: float) -> None:
    assert max(mean_of_step(one, harm(one), 1.0, phi)) <= 1 + 1e-8


def mean_of_rate_step(requests: int, rates: Sequence[float], null: float, true: float) -> list[float]:
    means = [0.0] * len(rates)
    for x in range(requests + 1):
        probability = binomial(x, requests, true)
        for at, value in enumerate(rate_step(requests, x, rates, null)):
            means[at] += probability * exp(value)
    return means


shares = st.floats(0.001, 0.9)


@given(st.integers(0, 60), shares, st.floats(1.0, 20.0))
def test_the_mean_of_a_rate_step_is_at_most_one_from_the_tolerated_rate_up(n: int, null: float, worse: float) -> None:
    rates = acceptable_rates(null)
    assert mean_of_rate_step(n, rates, null, null) == pytest.approx([1.0] * len(rates), abs=1e-8)
    assert max(mean_of_rate_step(n, rates, null, min(0.999, null * worse))) <= 1 + 1e-8


@given(st.integers(0, 60), shares, st.floats(0.01, 1.0))
def test_the_mean_of_a_rate_step_is_at_most_one_up_to_the_objective(n: int, null: float, better: float) -> None:
    rates = excessive_rates(null)
    assert mean_of_rate_step(n, rates, null, null) == pytest.approx([1.0] * len(rates), abs=1e-8)
    assert max(mean_of_rate_step(n, rates, null, null * better)) <= 1 + 1e-8


@given(st.floats(0.0001, 0.9999))
def test_the_grids_lie_on_their_side_of_the_bound(bound: float) -> None:
    assert 0 < min(acceptable_rates(bound)) <= max(acceptable_rates(bound)) < bound
    assert bound < min(excessive_rates(bound)) <= max(excessive_rates(bound)) < 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.floats(1.0, 50.0))
def test_tempered_evidence_that_reaches_a_bound_reached_it_untempered(logs: list[float], phi: float) -> None:
    if mixture(logs, phi) > 0:
        assert mixture(logs, phi) <= mixture(logs, 1.0) + 1e-6


def test_sums_of_evidence_too_large_for_a_float_are_finite() -> None:
    assert log_sum_exp(1e5, 1e5) == pytest.approx(1e5 + log(2), abs=1e-6)
    assert log_sum_exp(-1e5, 0.0) == 0.0
