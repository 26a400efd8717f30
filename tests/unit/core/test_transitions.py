"""The rollout machine, transition by transition. Every case is keyed by the sentence that it proves."""

from datetime import timedelta

import pytest

from leadsman.api.evidence import Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, Step
from leadsman.api.status import Mode, Phase, RolloutState
from support.machine import (
    MINUTE,
    Case,
    canary,
    check,
    check_again,
    on_inconclusive,
    policy,
    preparing,
    retiring,
    rolled_back,
    serving,
    situation,
    warm,
)

SECOND = timedelta(seconds=1)


CASES = {
    # while pods are prepared
    "a first revision is prepared, and serves nobody before its pods are ready": Case(
        RolloutState(), situation(ready={}), Phase.PREPARING, {}, ["RolloutStarted b"]
    ),
    "a first revision whose pods are ready serves everybody: nothing can be compared with it": Case(
        preparing(stable=None), situation(), Phase.IDLE, {"b": 100}, ["FirstRevision b"]
    ),
    "a new revision is prepared while stable serves everybody": Case(
        serving(), situation(ready={"a": 2}), Phase.PREPARING, {"a": 100}, ["RolloutStarted b"]
    ),
    "a new revision whose pods run already gets its first step at once": Case(
        serving(), situation(), Phase.CANARY, {"a": 90, "b": 10}, ["RolloutStarted b", "StepStarted b"]
    ),
    "a candidate with fewer ready pods than replicas waits": Case(
        preparing(), situation(ready={"a": 2, "b": 1}), Phase.PREPARING, {"a": 100}
    ),
    "a candidate whose pods are all ready gets the first step's weight": Case(
        preparing(), situation(), Phase.CANARY, {"a": 90, "b": 10}, ["StepStarted b"]
    ),
    "a candidate that fails to load is rejected at once": Case(
        preparing(), situation(ready={"a": 2}, failure="bad opset"), Phase.ROLLED_BACK, {"a": 100}, ["ModelFailed b"]
    ),
    "one pod that says the model can never serve outweighs the others": Case(
        preparing(), situation(failure="bad opset"), Phase.ROLLED_BACK, {"a": 100}, ["ModelFailed b"]
    ),
    "a candidate whose pods never get ready is rejected at the progress deadline": Case(
        preparing(),
        situation(at=5 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["ProgressDeadlineExceeded b"],
    ),
    "a candidate is not rejected a second before the progress deadline": Case(
        preparing(), situation(at=5 * MINUTE - SECOND, ready={"a": 2}), Phase.PREPARING, {"a": 100}
    ),
    "a candidate that is ready at the progress deadline is let in": Case(
        preparing(), situation(at=5 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}, ["StepStarted b"]
    ),
    "a first revision that fails leaves nothing to serve": Case(
        preparing(stable=None), situation(failure="bad opset"), Phase.ROLLED_BACK, {}, ["ModelFailed b"]
    ),
    "evidence of harm before any traffic does not matter: there is no traffic": Case(
        preparing(), situation(verdict=Verdict.FAIL, ready={"a": 2}), Phase.PREPARING, {"a": 100}
    ),
    # without a gateway
    "without a gateway a ready candidate is switched to": Case(
        preparing(), situation(mode=Mode.SERVICE), Phase.WATCHING, {"b": 100}, ["Switched b"]
    ),
    "without a gateway a candidate that is not ready is not switched to": Case(
        preparing(), situation(mode=Mode.SERVICE, ready={"a": 2, "b": 1}), Phase.PREPARING, {"a": 100}
    ),
    "a gateway that goes away in a step ends the rollout": Case(
        canary(), situation(mode=Mode.SERVICE), Phase.ROLLED_BACK, {"a": 100}, ["Inconclusive b"]
    ),
    # the warm way back
    "a revision that was stable a moment ago returns without steps": Case(
        serving(retiring=(warm("b"),)), situation(), Phase.IDLE, {"b": 100}, ["RolloutStarted b", "Returned b"]
    ),
    "a returning revision whose pods went away waits for them first": Case(
        serving(retiring=(warm("b"),)),
        situation(ready={"a": 2, "b": 1}),
        Phase.PREPARING,
        {"a": 100},
        ["RolloutStarted b"],
    ),
    "a revision whose time of being kept warm is over owes its proof again": Case(
        serving(retiring=(warm("b", left=timedelta(0)),)),
        situation(),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["RolloutStarted b", "StepStarted b"],
    ),
    "a revision that only drains was never proved and owes its proof": Case(
        serving(retiring=(retiring("b"),)),
        situation(),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["RolloutStarted b", "StepStarted b"],
    ),
    # in a step: harm
    "harm in the first step rolls back": Case(
        canary(verdict=Verdict.FAIL),
        situation(verdict=Verdict.FAIL),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    "harm does not wait for the step's minDuration": Case(
        canary(1), situation(verdict=Verdict.FAIL, at=SECOND), Phase.ROLLED_BACK, {"a": 100}, ["EvidenceFailed b"]
    ),
    "harm does not wait for pods that are missing": Case(
        canary(),
        situation(verdict=Verdict.FAIL, ready={"a": 2, "b": 1}),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    "harm rolls back though the policy object is gone": Case(
        canary(),
        situation(verdict=Verdict.FAIL, policy=None),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    "a model that fails to load in a step rolls back": Case(
        canary(), situation(failure="bad opset"), Phase.ROLLED_BACK, {"a": 100}, ["ModelFailed b"]
    ),
    "a candidate without any ready pod gets no traffic any more": Case(
        canary(1),
        situation(verdict=Verdict.PASS, ready={"a": 2}),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["CandidateUnready b"],
    ),
    # in a step: capacity and time first
    "a candidate that passes too early stays where it is": Case(
        canary(), situation(verdict=Verdict.PASS, at=MINUTE - SECOND), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "a candidate that passes goes to the next step after minDuration": Case(
        canary(), situation(verdict=Verdict.PASS, at=MINUTE), Phase.CANARY, {"a": 50, "b": 50}, ["StepStarted b"]
    ),
    "a candidate that passes the last step is promoted": Case(
        canary(1), situation(verdict=Verdict.PASS, at=MINUTE), Phase.WATCHING, {"b": 100}, ["Promoted b"]
    ),
    "a candidate that passes with fewer pods than replicas is not advanced": Case(
        canary(),
        situation(verdict=Verdict.PASS, at=9 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a candidate that passes the last step with fewer pods than replicas is not promoted": Case(
        canary(1),
        situation(verdict=Verdict.PASS, at=5 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 50, "b": 50},
    ),
    "a candidate that stays short of pods is announced at maxDuration": Case(
        canary(1),
        situation(verdict=Verdict.PASS, at=99 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["Held b"],
    ),
    "a candidate that stays short of pods is rolled back at maxDuration if the policy says so": Case(
        canary(policy=on_inconclusive(OnInconclusive.ROLLBACK)),
        situation(verdict=Verdict.PASS, at=99 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["Inconclusive b"],
    ),
    "replicas raised in mid-rollout hold the candidate until it has them": Case(
        canary(), situation(verdict=Verdict.PASS, at=MINUTE, replicas=3), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "replicas lowered in mid-rollout do not stop it": Case(
        canary(),
        situation(verdict=Verdict.PASS, at=MINUTE, replicas=1, ready={"a": 1, "b": 1}),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "the policy as it was when the rollout began holds, though its object is gone": Case(
        canary(),
        situation(verdict=Verdict.PASS, at=MINUTE, policy=None),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "the policy as it was when the rollout began holds, though its object was edited": Case(
        canary(),
        situation(verdict=Verdict.PASS, at=MINUTE, policy=policy(steps=(Step(weight=99),))),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    # in a step: silence
    "evidence that is being collected holds": Case(
        canary(), situation(verdict=Verdict.COLLECTING, at=9 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "blindness holds": Case(
        canary(), situation(verdict=Verdict.BLIND, at=9 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "no judgement at all is blindness": Case(canary(), situation(at=9 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}),
    "at maxDuration Hold says so and stays": Case(
        canary(),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["Held b"],
    ),
    "after maxDuration Hold says nothing twice": Case(
        canary(overdue=True), situation(verdict=Verdict.COLLECTING, at=20 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "a step that is held goes on when its evidence comes": Case(
        canary(overdue=True),
        situation(verdict=Verdict.PASS, at=20 * MINUTE),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "a step that is held is rolled back when harm shows": Case(
        canary(overdue=True),
        situation(verdict=Verdict.FAIL, at=20 * MINUTE),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    "at maxDuration Promote goes to the next step": Case(
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.CANARY,
        {"a": 50, "b": 50},
        ["StepStarted b"],
    ),
    "at maxDuration of the last step Promote promotes": Case(
        canary(1, policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.WATCHING,
        {"b": 100},
        ["Promoted b"],
    ),
    "at maxDuration Promote does not outrun capacity": Case(
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=99 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["Held b"],
    ),
    "at maxDuration Promote does not rise blindly": Case(
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.BLIND, at=99 * MINUTE),
        Phase.CANARY,
        {"a": 90, "b": 10},
        ["Held b"],
    ),
    "before maxDuration Promote waits": Case(
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE - SECOND),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "at maxDuration Rollback rolls back": Case(
        canary(policy=on_inconclusive(OnInconclusive.ROLLBACK)),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["Inconclusive b"],
    ),
    # the clock
    "a clock that steps backwards holds": Case(
        canary(), situation(verdict=Verdict.PASS, at=-60 * MINUTE), Phase.CANARY, {"a": 90, "b": 10}
    ),
    "a clock that steps backwards does not reject what is being prepared": Case(
        preparing(), situation(at=-60 * MINUTE, ready={"a": 2}), Phase.PREPARING, {"a": 100}
    ),
    "a clock that steps backwards does not keep harm from rolling back": Case(
        canary(),
        situation(verdict=Verdict.FAIL, at=-60 * MINUTE),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["EvidenceFailed b"],
    ),
    # rejection
    "a rejected revision stays rejected however good things look": Case(
        rolled_back(), situation(verdict=Verdict.PASS, at=999 * MINUTE), Phase.ROLLED_BACK, {"a": 100}
    ),
    "a rejected revision stays rejected when the policy is edited": Case(
        rolled_back(), situation(policy=policy(keep_warm=MINUTE)), Phase.ROLLED_BACK, {"a": 100}
    ),
    "a rejected first revision stays rejected": Case(rolled_back(stable=None), situation(), Phase.ROLLED_BACK, {}),
    "a rejection is forgotten when the spec names stable again": Case(
        rolled_back(), situation("a"), Phase.IDLE, {"a": 100}
    ),
    "a rejection is forgotten when the spec names a third revision, which starts from nothing": Case(
        rolled_back(), situation("c", ready={"a": 2}), Phase.PREPARING, {"a": 100}, ["RolloutStarted c"]
    ),
    # a spec that changes on the way
    "a spec that changes in a step supersedes the candidate, whose weight is 0 at once": Case(
        canary(1), situation("c"), Phase.PREPARING, {"a": 100}, ["Superseded b", "RolloutStarted c"]
    ),
    "a spec that changes to a revision that runs already starts it in its first step, not in the old one's": Case(
        canary(1),
        situation("c", ready={"a": 2, "b": 2, "c": 2}),
        Phase.CANARY,
        {"a": 90, "c": 10},
        ["Superseded b", "RolloutStarted c", "StepStarted c"],
    ),
    "a spec that changes while pods are prepared supersedes the candidate": Case(
        preparing(), situation("c"), Phase.PREPARING, {"a": 100}, ["Superseded b", "RolloutStarted c"]
    ),
    "A to B to A in mid-rollout is a plain return": Case(
        canary(), situation("a"), Phase.IDLE, {"a": 100}, ["Superseded b"]
    ),
    "a spec that changes before anything is stable starts anew": Case(
        preparing(stable=None), situation("c", ready={}), Phase.PREPARING, {}, ["Superseded b", "RolloutStarted c"]
    ),
    # the policy
    "without the policy that the spec names nothing begins": Case(
        serving(), situation(policy=None), Phase.IDLE, {"a": 100}
    ),
    "without the policy not even a first revision begins": Case(RolloutState(), situation(policy=None), Phase.IDLE, {}),
    "without the new policy the old candidate is superseded all the same": Case(
        canary(), situation("c", policy=None), Phase.IDLE, {"a": 100}, ["Superseded b"]
    ),
    # at rest
    "what serves is what is desired: nothing happens": Case(serving(), situation("a"), Phase.IDLE, {"a": 100}),
    "stable keeps all traffic though none of its pods is ready: there is nobody else": Case(
        serving(), situation("a", ready={}), Phase.IDLE, {"a": 100}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_transition(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_second_look_at_the_same_situation_changes_nothing(case: Case) -> None:
    check_again(case)
