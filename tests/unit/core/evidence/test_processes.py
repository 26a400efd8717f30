"""Each step's mean under its null hypothesis, by enumeration."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from leadsman.core.evidence.hypergeometric import Margins, log_mgf
from leadsman.core.evidence.processes import (
    ACCEPTABLE_ODDS,
    HARM_ODDS,
    TOLERATED_ODDS,
    acceptable_rates,
    log_sum_exp,
    mixture,
    odds_step,
    rate_step,
)

margins = st.builds(
    lambda candidate, stable, share: Margins(candidate, stable, round(share * (candidate + stable))),
    st.integers(0, 40),
    st.integers(0, 40),
    st.floats(0, 1),
).filter(lambda one: one.candidate + one.stable > 0)


def mean_of_step(one: Margins, odds: tuple[float, ...], null: float, true: float) -> list[float]:
    """Return the mean of the step, per odds ratio of the grid, where the true odds ratio is `true`."""
    means = [0.0] * len(odds)
    for x in range(max(0, one.events - one.stable), min(one.events, one.candidate) + 1):
        central = float(hypergeom.pmf(x, one.candidate + one.stable, one.events, one.candidate))
        probability = central * true**x / exp(log_mgf(one, true))
        for at, step in enumerate(odds_step(one, x, odds, null)):
            means[at] += probability * exp(step)
    return means


@given(margins)
def test_the_mean_of_a_step_is_one_at_the_boundary_of_harm(one: Margins) -> None:
    assert mean_of_step(one, HARM_ODDS, 1.0, true=1.0) == pytest.approx([1.0] * len(HARM_ODDS), abs=1e-8)


@given(margins, st.floats(1.0, 4.0))
def test_the_mean_of_a_step_is_one_at_a_tilted_boundary(one: Margins, null: float) -> None:
    odds = tuple(null * psi for psi in HARM_ODDS)
    assert mean_of_step(one, odds, null, true=null) == pytest.approx([1.0] * len(odds), abs=1e-8)


@given(margins)
def test_the_mean_of_a_step_is_one_at_the_boundary_of_the_intolerable(one: Margins) -> None:
    means = mean_of_step(one, ACCEPTABLE_ODDS, TOLERATED_ODDS, true=TOLERATED_ODDS)
    assert means == pytest.approx([1.0] * len(ACCEPTABLE_ODDS), abs=1e-8)


@given(margins, st.floats(0.05, 1.0))
def test_the_mean_of_a_step_is_at_most_one_for_a_better_candidate(one: Margins, true: float) -> None:
    assert max(mean_of_step(one, HARM_ODDS, 1.0, true)) <= 1 + 1e-8


@given(margins, st.floats(TOLERATED_ODDS, 50.0))
def test_the_mean_of_a_promotion_step_is_at_most_one_for_a_worse_candidate(one: Margins, true: float) -> None:
    assert max(mean_of_step(one, ACCEPTABLE_ODDS, TOLERATED_ODDS, true)) <= 1 + 1e-8


@given(margins, st.floats(1.0, 20.0))
def test_tempering_keeps_the_mean_at_most_one(one: Margins, phi: float) -> None:
    tempered = [0.0] * len(HARM_ODDS)
    for x in range(max(0, one.events - one.stable), min(one.events, one.candidate) + 1):
        probability = float(hypergeom.pmf(x, one.candidate + one.stable, one.events, one.candidate))
        for at, step in enumerate(odds_step(one, x, HARM_ODDS, 1.0)):
            tempered[at] += probability * exp(step / phi)
    assert max(tempered) <= 1 + 1e-8


@given(st.integers(0, 60), st.floats(0.001, 0.9), st.floats(1.0, 20.0))
def test_the_mean_of_a_rate_step_is_at_most_one_from_the_tolerated_rate_up(n: int, null: float, worse: float) -> None:
    rates = acceptable_rates(null)
    for true in (null, min(0.999, null * worse)):
        steps = [rate_step(n, x, rates, null) for x in range(n + 1)]
        weights = [float(binom.pmf(x, n, true)) for x in range(n + 1)]
        means = [sum(w * exp(step[at]) for w, step in zip(weights, steps, strict=True)) for at in range(len(rates))]
        if true == null:
            assert means == pytest.approx([1.0] * len(rates), abs=1e-8)
        assert max(means) <= 1 + 1e-8


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.floats(1.0, 50.0))
def test_tempered_evidence_that_reaches_a_bound_reached_it_untempered(logs: list[float], phi: float) -> None:
    if mixture(logs, phi) > 0:
        assert mixture(logs, phi) <= mixture(logs, 1.0) + 1e-6


def test_sums_of_evidence_too_large_for_a_float_are_finite() -> None:
    assert log_sum_exp(1e5, 1e5) == pytest.approx(1e5 + 0.6931, abs=1e-3)
    assert log_sum_exp(-1e5, 0.0) == 0.0
