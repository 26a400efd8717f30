"""The rollout machine in steps: copies of requests, steps that end by time, and what each asks for."""

from datetime import timedelta

import pytest

from leadsman.api.evidence import Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, Shadow, Step
from leadsman.api.status import Mode, Phase
from leadsman.core.situation import Mirror
from support.machine import (
    BY_TIME,
    COPIES,
    MINUTE,
    SHADOW_FIRST,
    UNASKED,
    Case,
    canary,
    check,
    check_again,
    judgement_of,
    policy,
    preparing,
    shadow,
    situation,
)

SECOND = timedelta(seconds=1)
ALL_TO_B = Mirror("b", 100)

CASES = {
    # in a shadow step
    "a candidate whose pods are all ready gets copies of requests where the policy has a shadow step": Case(
        preparing(policy=SHADOW_FIRST), situation(), Phase.SHADOW, {"a": 100}, ["StepStarted b"], ALL_TO_B
    ),
    "a candidate without all of its pods gets no copies": Case(
        preparing(policy=SHADOW_FIRST), situation(ready={"a": 2, "b": 1}), Phase.PREPARING, {"a": 100}
    ),
    "copies that prove a candidate let it in, and end": Case(
        shadow(), situation(verdict=Verdict.PASS, at=MINUTE), Phase.CANARY, {"a": 90, "b": 10}, ["StepStarted b"]
    ),
    "a shadow step asks for its minDuration too": Case(
        shadow(),
        situation(verdict=Verdict.PASS, at=MINUTE - SECOND),
        Phase.SHADOW,
        {"a": 100},
        mirror=ALL_TO_B,
    ),
    "evidence that is being collected on copies holds": Case(
        shadow(),
        situation(verdict=Verdict.COLLECTING, at=9 * MINUTE),
        Phase.SHADOW,
        {"a": 100},
        mirror=ALL_TO_B,
    ),
    "blindness in a shadow step holds": Case(
        shadow(), situation(verdict=Verdict.BLIND, at=9 * MINUTE), Phase.SHADOW, {"a": 100}, mirror=ALL_TO_B
    ),
    "harm on copies rolls back before anybody saw an answer, and the copies end": Case(
        shadow(), situation(verdict=Verdict.FAIL), Phase.ROLLED_BACK, {"a": 100}, ["EvidenceFailed b"]
    ),
    "a candidate without any ready pod gets no copies any more": Case(
        shadow(), situation(ready={"a": 2}), Phase.ROLLED_BACK, {"a": 100}, ["CandidateUnready b"]
    ),
    "a model that fails to load in a shadow step rolls back": Case(
        shadow(), situation(failure="bad opset"), Phase.ROLLED_BACK, {"a": 100}, ["ModelFailed b"]
    ),
    "a candidate that passes on copies with fewer pods than replicas gets no weight": Case(
        shadow(),
        situation(verdict=Verdict.PASS, at=9 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.SHADOW,
        {"a": 100},
        mirror=ALL_TO_B,
    ),
    "at maxDuration of a shadow step Hold says so and copies go on": Case(
        shadow(),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.SHADOW,
        {"a": 100},
        ["Held b"],
        ALL_TO_B,
    ),
    "at maxDuration of a shadow step Promote lets the candidate in": Case(
        shadow(policy=SHADOW_FIRST.model_copy(update={"on_inconclusive": OnInconclusive.PROMOTE})),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["StepStarted b"],
    ),
    "at maxDuration of a shadow step Rollback rolls back": Case(
        shadow(policy=SHADOW_FIRST.model_copy(update={"on_inconclusive": OnInconclusive.ROLLBACK})),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["Inconclusive b"],
    ),
    "a second shadow step may copy another share": Case(
        shadow(policy=policy(steps=(COPIES, COPIES.model_copy(update={"shadow": Shadow(percent=10)})))),
        situation(verdict=Verdict.PASS, at=MINUTE),
        Phase.SHADOW,
        {"a": 100},
        ["StepStarted b"],
        Mirror("b", 10),
    ),
    "a candidate that passes the last shadow step of a policy without weights is promoted": Case(
        shadow(policy=policy(steps=(COPIES,))),
        situation(verdict=Verdict.PASS, at=MINUTE),
        Phase.WATCHING,
        {"b": 100},
        ["Promoted b"],
        # What a gateway has mirrored once it can mirror the other way round.
        Mirror("a", 100),
    ),
    "a gateway that goes away in a shadow step ends the rollout": Case(
        shadow(), situation(mode=Mode.SERVICE), Phase.ROLLED_BACK, {"a": 100}, ["Inconclusive b"]
    ),
    "without a gateway nothing is copied": Case(
        preparing(policy=SHADOW_FIRST), situation(mode=Mode.SERVICE), Phase.WATCHING, {"b": 100}, ["Switched b"]
    ),
    "a first revision has nobody whose requests it could get copies of": Case(
        preparing(stable=None, policy=SHADOW_FIRST), situation(), Phase.IDLE, {"b": 100}, ["FirstRevision b"]
    ),
    "a spec that changes in a shadow step ends the copies at once": Case(
        shadow(), situation("c"), Phase.PREPARING, {"a": 100}, ["Superseded b", "RolloutStarted c"]
    ),
    "a spec that changes in a shadow step to a revision that runs already copies to that one alone": Case(
        shadow(),
        situation("c", ready={"a": 2, "b": 2, "c": 2}, policy=SHADOW_FIRST),
        Phase.SHADOW,
        {"a": 100},
        ["Superseded b", "RolloutStarted c", "StepStarted c"],
        Mirror("c", 100),
    ),
    # in a step that ends by time
    "a step until Time passes at its minDuration though evidence is being collected": Case(
        canary(policy=BY_TIME),
        situation(verdict=Verdict.COLLECTING, at=MINUTE),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "the last step until Time promotes at its minDuration": Case(
        canary(1, policy=BY_TIME),
        situation(verdict=Verdict.COLLECTING, at=MINUTE),
        Phase.WATCHING,
        {"b": 100},
        ["Promoted b"],
    ),
    "a step until Time does not pass before its minDuration, whatever the evidence": Case(
        canary(policy=BY_TIME),
        situation(verdict=Verdict.PASS, at=MINUTE - SECOND),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a step until Time does not pass in silence": Case(
        canary(policy=BY_TIME, evidence=UNASKED),
        situation(verdict=Verdict.COLLECTING, at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a step until Time does not pass before anything was counted": Case(
        canary(policy=BY_TIME, evidence=None),
        situation(verdict=Verdict.COLLECTING, at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a step until Time does not pass blindly": Case(
        canary(policy=BY_TIME),
        situation(verdict=Verdict.BLIND, at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a step until Time does not pass unjudged": Case(
        canary(policy=BY_TIME), situation(at=9 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "a step until Time does not outrun capacity": Case(
        canary(policy=BY_TIME),
        situation(verdict=Verdict.COLLECTING, at=9 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a step until Time rolls back when harm shows": Case(
        canary(policy=BY_TIME),
        situation(verdict=Verdict.FAIL, at=MINUTE),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    "a step until Time that nobody asks is announced at maxDuration": Case(
        canary(policy=BY_TIME, evidence=UNASKED),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["Held b"],
    ),
    # what a step asks for
    "a step without minDuration passes as soon as there is evidence": Case(
        canary(policy=policy(steps=(Step(weight=10, min_duration=timedelta(0)), Step(weight=50)))),
        situation(verdict=Verdict.PASS),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "checks that pass in a step in which nobody asked the candidate hold": Case(
        canary(evidence=UNASKED), situation(verdict=Verdict.PASS, at=9 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "in a shadow step agreement is owed": Case(
        shadow(),
        situation(verdict=judgement_of(errorRate=Verdict.PASS, agreement=Verdict.COLLECTING), at=9 * MINUTE),
        Phase.SHADOW,
        {"a": 100},
        mirror=ALL_TO_B,
    ),
    "in a shadow step, whose answers no user sees to judge, quality is not owed": Case(
        shadow(),
        situation(verdict=judgement_of(errorRate=Verdict.PASS, quality=Verdict.COLLECTING), at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["StepStarted b"],
    ),
    "in a step with a weight quality is owed": Case(
        canary(),
        situation(verdict=judgement_of(errorRate=Verdict.PASS, quality=Verdict.COLLECTING), at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "in a step with a weight, which has no pairs of answers, agreement is not owed": Case(
        canary(),
        situation(verdict=judgement_of(errorRate=Verdict.PASS, agreement=Verdict.COLLECTING), at=MINUTE),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "agreement that passed stands for a step with a weight that has no other check": Case(
        canary(),
        situation(verdict=judgement_of(agreement=Verdict.PASS), at=MINUTE),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "agreement that never passed, and no other check, hold": Case(
        canary(),
        situation(verdict=judgement_of(agreement=Verdict.COLLECTING), at=9 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_transition(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_second_look_at_the_same_situation_changes_nothing(case: Case) -> None:
    check_again(case)
