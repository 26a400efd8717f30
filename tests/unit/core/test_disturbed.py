"""A route that somebody resets in a step: time counts, and the split is measured, only once that is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from leadsman.api.evidence import Verdict
from leadsman.api.status import Asking, RolloutState, RouteSeen
from leadsman.core.rollout import step
from support.machine import MINUTE, POLICY, START, canary, situation
from support.simulated import world
from support.world import NAME, World

SECOND = timedelta(seconds=1)
RESET = "HTTPRoute fraud does not split requests as decided yet"


def after(state: RolloutState, *looks: tuple[int, str]) -> tuple[RolloutState, list[str]]:
    """The state after looks with good evidence, each so many seconds after the step began, and what was decided."""
    decided: list[str] = []
    for seconds, unsettled in looks:
        seen = situation(verdict=Verdict.PASS, at=seconds * SECOND)
        decision = step(replace(seen, unsettled=unsettled), state)
        state = decision.state
        decided += [notice.reason.value for notice in decision.notices]
    return state, decided


CASES = {
    "a step passes when it is proved and its time is over": ({}, [(60, "")], ["StepStarted"]),
    "not while the route is changed": ({}, [(1, ""), (60, RESET)], []),
    "nor in a moment in which it is not": ({}, [(1, ""), (60, RESET), (61, ""), (62, RESET), (71, "")], []),
    "but once it has been as decided for 10 s": ({}, [(1, ""), (60, RESET), (61, ""), (70, "")], ["StepStarted"]),
    "a route that was never accepted before waits for no more than that": (
        {},
        [(0, "not yet"), (2, ""), (62, "")],
        ["StepStarted"],
    ),
    "the time before it was ever accepted is none of the step's": ({}, [(18, "not yet"), (20, ""), (79, "")], []),
    "so the step lasts that much longer": ({}, [(18, "not yet"), (20, ""), (80, "")], ["StepStarted"]),
    "nor does who is to be promoted because somebody asked for it": (
        {"route": RouteSeen(at=START), "forced": Asking(by="jane", at=START)},
        [(1, RESET), (2, "")],
        ["Promoted"],
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_when_a_step_passes_whose_route_was_changed(sentence: str) -> None:
    changes, looks, expected = CASES[sentence]
    _, decided = after(canary(**changes), *looks)
    assert decided == expected


def test_the_time_between_is_no_time_of_the_step() -> None:
    state, decided = after(canary(), (1, ""), (50, RESET), (55, ""), (65, ""), (74, ""))
    assert decided == []
    assert state.candidate is not None
    assert state.candidate.step_started_at == START + 15 * SECOND, "it stood from 50 to 65"


def test_it_is_looked_at_when_the_time_is_over_however_long_the_interval() -> None:
    rare = canary(policy=POLICY.model_copy(update={"interval": 5 * MINUTE}))
    state, _ = after(rare, (1, ""), (50, RESET), (52, ""))
    assert step(situation(at=54 * SECOND), state).requeue_after == 6 * SECOND


def test_a_pause_is_no_disturbance() -> None:
    paused = canary(route=RouteSeen(at=START)).model_copy(update={"paused": Asking(by="jane", at=START)})
    state, _ = after(paused, (1, RESET))
    assert state.candidate is not None
    assert state.candidate.route == RouteSeen(at=START)


def reset(at: World) -> None:
    """Somebody gives all requests to stable again."""
    route = at.objects["HTTPRoute", NAME]
    [rule] = route["spec"]["rules"]
    rule["backendRefs"] = [rule["backendRefs"][0] | {"weight": 100}]
    fields = {"f:spec": {"f:rules": {}}}
    route["metadata"]["managedFields"] = [{"manager": "argocd-controller", "time": "2026", "fieldsV1": fields}]


def test_a_route_that_is_reset_again_and_again_holds_the_step_is_told_and_is_no_measured_split() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.rest(5)
    for _ in range(60):
        at.look()
        at.live(2)
        at.look()
        at.live(3)
        reset(at)
    at.look()
    assert at.reasons[-1] == "StepStarted"
    assert at.condition("Skewed") == "True/SplitDisturbed"
    [told] = [one["message"] for one in at.status["conditions"] if one["type"] == "Skewed"]
    assert "its rules were last written by argocd-controller" in told
    assert at.state.candidate is not None
    assert at.state.candidate.step == 0
    assert at.state.candidate.split.requests == 0
    at.until("Promoted", seconds=(2 * MINUTE).total_seconds())
    assert at.condition("Skewed") == ""
    assert at.lost == 0
