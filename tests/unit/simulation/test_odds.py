"""The likelihoods of odds ratios for many looks at once are the engine's for each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.core.evidence.hypergeometric import Margins
from leadsman.core.evidence.processes import odds_step, relative_step
from leadsman.simulation.odds import odds_steps, relative_steps

LOOKS = st.tuples(st.integers(0, 60), st.integers(0, 400)).flatmap(
    lambda n: st.tuples(st.just(n[0]), st.integers(0, n[0]), st.just(n[1]), st.integers(0, n[1]))
)


def one_by_one(look: tuple[int, int, int, int]) -> tuple[float, ...]:
    """What the engine makes of a look."""
    candidate, events, stable, stable_events = look
    return odds_step(Margins(candidate, stable, events + stable_events), events)


@settings(max_examples=60, deadline=None)
@given(st.lists(LOOKS, min_size=1, max_size=12))
def test_each_look_has_the_likelihood_that_the_engine_gives_it(looks: list[tuple[int, int, int, int]]) -> None:
    steps = odds_steps(*np.array(looks).T)
    for step, look in zip(steps, looks, strict=True):
        assert step.tolist() == pytest.approx(one_by_one(look), abs=1e-8)
        assert relative_steps(step).tolist() == pytest.approx(relative_step(one_by_one(look)), abs=1e-8)


def test_so_it_has_where_many_requests_take_much_memory() -> None:
    looks = [(4000, 30 * number, 6000, 3000) for number in range(60)]
    steps = odds_steps(*np.array(looks).T)
    assert steps[[0, 30, 59]].tolist() == [pytest.approx(one_by_one(looks[look])) for look in (0, 30, 59)]


def test_no_looks_have_none() -> None:
    assert odds_steps(*np.zeros((4, 0), dtype=np.int64)).shape == (0, 9)
