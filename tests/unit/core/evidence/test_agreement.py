"""Answers of both revisions to the same requests: one rate against the policy's bound."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.evidence import Agreement
from leadsman.core.evidence import Pairs
from leadsman.core.evidence.agreement import log_harm, log_promotion, observe, start
from unit.core.evidence.world import binomial


def seen(*looks: tuple[int, int], at_least: float = 0.95) -> Agreement:
    one = start(at_least)
    for compared, disagreed in looks:
        one = observe(one, Pairs(compared, disagreed))
    return one


@given(st.integers(1, 60), st.floats(0.5, 0.999), st.floats(0.0, 1.0))
def test_the_mean_of_harm_is_at_most_one_where_they_agree_as_wanted(n: int, at_least: float, share: float) -> None:
    rate = (1 - at_least) * share
    mean = sum(binomial(x, n, rate) * exp(log_harm(seen((n, x), at_least=at_least))) for x in range(n + 1))
    assert mean <= 1 + 1e-8


@given(st.integers(1, 60), st.floats(0.5, 0.999), st.floats(1.0, 100.0))
def test_the_mean_of_promotion_is_at_most_one_where_they_do_not(n: int, at_least: float, times: float) -> None:
    rate = min(1.0, (1 - at_least) * times)
    one = [log_promotion(seen((n, x), at_least=at_least)) for x in range(n + 1)]
    assert sum(binomial(x, n, rate) * exp(value) for x, value in enumerate(one)) <= 1 + 1e-8


@pytest.mark.parametrize(
    ("looks", "harm", "promotion"),
    [
        pytest.param([], False, False, id="nothing compared"),
        pytest.param([(20, 1)] * 20, False, False, id="at the boundary neither"),
        pytest.param([(20, 0)] * 4, False, True, id="eighty equal answers suffice for 95 %"),
        pytest.param([(20, 0)] * 2, False, False, id="forty do not"),
        pytest.param([(20, 10), (20, 11), (20, 9)], True, False, id="half of them differ"),
    ],
)
def test_what_decides(looks: list[tuple[int, int]], harm: bool, promotion: bool) -> None:
    one = seen(*looks)
    assert (log_harm(one) >= log(101)) is harm
    assert (log_promotion(one) >= log(21)) is promotion


def test_pairs_are_added_up() -> None:
    one = seen((20, 1), (30, 4))
    assert (one.totals.requests, one.totals.events) == (50, 5)
