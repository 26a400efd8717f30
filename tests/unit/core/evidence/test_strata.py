"""Looks are pooled until there is something to compare, by numbers of requests alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.evidence import ArmTotals, Stratum
from leadsman.core.evidence.strata import plus, pooled
from unit.core.evidence.world import Answers

Tick = tuple[Answers, Answers]


def arm(answers: Answers) -> ArmTotals:
    return ArmTotals(requests=answers[0], events=answers[1])


def strata(*ticks: Tick) -> tuple[list[Tick], Tick]:
    """Return the strata that ended, and the open one."""
    ended, still_open = [], Stratum()
    for candidate, stable in ticks:
        one, still_open = pooled(still_open, arm(candidate), arm(stable))
        if one:
            ended.append(counts(one))
    return ended, counts(still_open)


def counts(one: Stratum) -> Tick:
    return (one.candidate.requests, one.candidate.events), (one.stable.requests, one.stable.events)


NONE: Tick = ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("ticks", "ended", "still_open"),
    [
        pytest.param([], [], NONE, id="nothing yet"),
        pytest.param([((2, 1), (18, 0))], [((2, 1), (18, 0))], NONE, id="a look of twenty is one of its own"),
        pytest.param([((2, 1), (17, 0))], [], ((2, 1), (17, 0)), id="one of fewer waits"),
        pytest.param([((2, 1), (9, 0))] * 2, [((4, 2), (18, 0))], NONE, id="for the next"),
        pytest.param([((0, 0), (50, 1)), ((1, 1), (0, 0))], [((1, 1), (50, 1))], NONE, id="and for the other revision"),
        pytest.param([((199, 9), (0, 0))], [], ((199, 9), (0, 0)), id="but not forever"),
        pytest.param([((200, 9), (0, 0))], [((200, 9), (0, 0))], NONE, id="since older requests are of another time"),
    ],
)
def test_pooled(ticks: list[Tick], ended: list[Tick], still_open: Tick) -> None:
    assert strata(*ticks) == (ended, still_open)


answers = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
scripts = st.lists(st.tuples(answers, answers), max_size=20)


@given(scripts)
def test_every_request_is_in_one_stratum(script: list[Tick]) -> None:
    ended, still_open = strata(*script)
    for side in (0, 1):
        total = ArmTotals()
        for one in [*ended, still_open]:
            total = plus(total, arm(one[side]))
        assert (total.requests, total.events) == tuple(sum(tick[side][at] for tick in script) for at in (0, 1))


@given(scripts)
def test_when_one_ends_does_not_depend_on_what_failed(script: list[Tick]) -> None:
    flawless = [((candidate[0], 0), (stable[0], 0)) for candidate, stable in script]
    sizes, others = (
        [(candidate[0], stable[0]) for candidate, stable in strata(*ticks)[0]] for ticks in (script, flawless)
    )
    assert sizes == others
