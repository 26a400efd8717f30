"""One comparison of candidate and stable: what looks make of it, and what it says."""

from itertools import product
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.evidence import ArmTotals, Comparison
from leadsman.core.evidence import comparison, dispersion, excess
from leadsman.core.evidence.comparison import log_harm, log_promotion, observe, odds_ratio, start
from leadsman.core.evidence.processes import TOLERATED_ODDS
from unit.core.evidence.world import QUIET_DAY, Answers, binomial

Tick = tuple[Answers, Answers]


def arm(answers: Answers) -> ArmTotals:
    return ArmTotals(requests=answers[0], events=answers[1])


def seen(*ticks: Tick, one: Comparison | None = None) -> Comparison:
    one = one or start("errorRate", 0.02)
    for candidate, stable in ticks:
        one = observe(one, arm(candidate), arm(stable), 10.0)
    return one


def with_history(one: Comparison) -> Comparison:
    return one.model_copy(update={"stable_dispersion": dispersion.of_the_past(QUIET_DAY)})


def with_objective(one: Comparison, objective: float) -> Comparison:
    return one.model_copy(update={"excess": excess.start(objective, one.tolerated, ArmTotals())})


answers = st.integers(0, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
ticks = st.lists(st.tuples(answers, answers), max_size=12)


@given(ticks)
def test_looks_without_requests_change_nothing(script: list[Tick]) -> None:
    padded = [tick for one in script for tick in (one, ((0, 0), (0, 0)))]
    assert seen(*padded) == seen(*script)


@given(ticks)
def test_totals_are_sums(script: list[Tick]) -> None:
    one = seen(*script)
    assert one.candidate.requests == sum(candidate[0] for candidate, _ in script)
    assert one.candidate.events == sum(candidate[1] for candidate, _ in script)
    assert one.stable.requests == sum(stable[0] for _, stable in script)
    assert one.stable.events == sum(stable[1] for _, stable in script)


@given(ticks)
def test_a_revision_alone_compares_nothing(script: list[Tick]) -> None:
    for alone in ([(candidate, (0, 0)) for candidate, _ in script], [((0, 0), stable) for _, stable in script]):
        assert set(seen(*alone).odds) == {0.0}
        assert odds_ratio(seen(*alone)) is None


@given(ticks)
def test_looks_that_take_turns_are_compared_all_the_same(script: list[Tick]) -> None:
    turns = [tick for candidate, stable in script for tick in ((candidate, (0, 0)), ((0, 0), stable))]
    if all(candidate[0] and stable[0] and candidate[0] + stable[0] >= 20 for candidate, stable in script):
        assert seen(*turns).odds == pytest.approx(seen(*script).odds)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([((10, 1), (90, 9)), ((50, 5), (50, 5))], id="the weight rises"),
        pytest.param([((10, 0), (90, 0)), ((50, 25), (50, 25))], id="with the outage comes the weight"),
        pytest.param([((50, 25), (50, 25)), ((10, 0), (990, 0))], id="with the outage it went"),
    ],
)
def test_weights_and_base_rates_that_change_together_are_no_difference(script: list[Tick]) -> None:
    one = seen(*script)
    assert odds_ratio(one) == pytest.approx(1, abs=0.1)
    assert log_harm(one) < log(1.5)


def test_pooled_counts_would_have_been_fooled() -> None:
    """Simpson's paradox: the last of those, its two looks taken for one."""
    fooled = odds_ratio(seen(((60, 25), (1040, 25))))
    assert fooled is not None
    assert fooled > 20


@pytest.mark.parametrize(
    ("script", "estimate"),
    [
        pytest.param([], None, id="nothing seen"),
        pytest.param([((10, 0), (90, 0))], None, id="no event"),
        pytest.param([((10, 1), (0, 0))], None, id="nothing to compare with"),
        pytest.param([((1000, 100), (1000, 50))], 2.11, id="two looks of one table"),
        pytest.param([((1000, 100), (1000, 50)), ((500, 100), (500, 55))], 2.06, id="of two strata with odds of two"),
        pytest.param([((100, 50), (900, 0))], 909, id="finite where stable is flawless"),
    ],
)
def test_odds_ratio(script: list[Tick], estimate: float | None) -> None:
    assert odds_ratio(seen(*script)) == (pytest.approx(estimate, rel=0.01) if estimate else None)


BROKEN: Tick = ((10, 10), (90, 0))


@pytest.mark.parametrize(
    ("one", "decides"),
    [
        pytest.param(seen(BROKEN), False, id="one look cannot tell a clump from harm"),
        pytest.param(seen(BROKEN, BROKEN), True, id="two can"),
        pytest.param(seen(BROKEN, one=with_history(start("errorRate", 0.02))), True, id="one can, with a history"),
        pytest.param(seen(((0, 0), (90, 0)), BROKEN), False, id="looks at stable alone are none at the candidate"),
    ],
)
def test_when_harm_may_be_decided(one: Comparison, decides: bool) -> None:
    assert (log_harm(one) >= log(101)) is decides


def every_outcome(requests: Answers, rates: tuple[float, float]) -> list[tuple[float, Tick]]:
    """Return all that can happen in one look, each with its probability."""
    counts = product(range(requests[0] + 1), range(requests[1] + 1))
    return [
        (
            binomial(x, requests[0], rates[0]) * binomial(y, requests[1], rates[1]),
            ((requests[0], x), (requests[1], y)),
        )
        for x, y in counts
    ]


def odds(rate: float) -> float:
    return rate / (1 - rate)


def with_odds(value: float) -> float:
    return value / (1 + value)


# Twenty requests make a stratum.
sizes = st.tuples(st.integers(4, 8), st.integers(16, 18))
base_rates = st.floats(0.001, 0.95)
some = settings(max_examples=30, deadline=None)


@some
@given(sizes, base_rates, st.floats(0.05, 1.0))
def test_the_mean_of_harm_is_at_most_one_for_a_candidate_no_worse(size: Answers, rate: float, better: float) -> None:
    rates = (with_odds(better * odds(rate)), rate)
    assert sum(chance * exp(log_harm(seen(tick))) for chance, tick in every_outcome(size, rates)) <= 1 + 1e-8


@some
@given(sizes, st.floats(0.02, 0.5), st.floats(1.0, 4.0))
def test_the_mean_of_promotion_is_at_most_one_for_an_intolerable_candidate(
    size: Answers, rate: float, worse: float
) -> None:
    """Intolerable: at least the tolerated rate, and at least twice stable's odds."""
    stable = with_odds(odds(rate) / (TOLERATED_ODDS * worse))
    outcomes = every_outcome(size, (rate, stable))
    assert sum(chance * exp(log_promotion(seen(tick))) for chance, tick in outcomes) <= 1 + 1e-8


def test_half_of_the_evidence_is_against_the_objective() -> None:
    """Stable has answered nothing for more than a minute, so the comparison is silent."""
    looks: list[Tick] = [((10, 6), (0, 0))] * 7
    fresh = start("errorRate", 0.02)
    assert log_harm(seen(*looks, one=fresh)) == pytest.approx(0)
    assert log_harm(seen(*looks, one=with_objective(fresh, 0.01))) > log(101)


AS_BAD: list[Tick] = [((20, 4), (180, 36))] * 12


def test_being_no_worse_is_no_merit_while_stable_is_in_trouble() -> None:
    assert log_promotion(seen(*AS_BAD)) > log(21)
    in_trouble = seen(*AS_BAD, one=with_objective(start("errorRate", 0.02), 0.05))
    assert comparison.stable_in_trouble(in_trouble)
    assert log_promotion(in_trouble) < log(21)


def test_a_flawless_candidate_passes_even_then() -> None:
    flawless: list[Tick] = [((20, 0), (180, 36))] * 15
    assert log_promotion(seen(*flawless, one=with_objective(start("errorRate", 0.02), 0.05))) > log(21)


def test_forgetting_promotion_keeps_all_else() -> None:
    one = seen(*AS_BAD)
    forgotten = comparison.forget_promotion(one)
    assert set(forgotten.absolute + forgotten.relative) == {0.0}
    changed = {"absolute", "relative"}
    assert forgotten.model_dump(exclude=changed) == one.model_dump(exclude=changed)
