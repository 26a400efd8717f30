"""The rollout machine, transition by transition. Every case is keyed by the sentence that it proves."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Evidence, Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step
from leadsman.api.status import MAX_RETIRING, Mode, Phase, RolloutState
from leadsman.core import evidence
from leadsman.core.rollout import DRAIN, RESYNC, Situation, candidate_weight, running, step, weights
from support.machine import (
    MINUTE,
    POLICY,
    START,
    after,
    canary,
    candidate,
    on_inconclusive,
    policy,
    preparing,
    report,
    retiring,
    rolled_back,
    serving,
    situation,
    told,
    warm,
)

NOTHING: list[str] = []
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Case:
    state: RolloutState
    situation: Situation
    phase: Phase
    weights: dict[str, int]
    told: list[str] = field(default_factory=list)


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
        preparing(), situation(mode=Mode.SERVICE), Phase.IDLE, {"b": 100}, ["Switched b"]
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
        canary(1), situation(verdict=Verdict.PASS, at=MINUTE), Phase.IDLE, {"b": 100}, ["Promoted b"]
    ),
    "a candidate that passes with fewer pods than replicas is not advanced": Case(
        canary(),
        situation(verdict=Verdict.PASS, at=9 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 90, "b": 10},
    ),
    "a candidate that passes the last step with fewer pods than replicas is not promoted": Case(
        canary(1),
        situation(verdict=Verdict.PASS, at=99 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 50, "b": 50},
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
        ["Inconclusive b"],
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
        Phase.IDLE,
        {"b": 100},
        ["Promoted b"],
    ),
    "at maxDuration Promote does not outrun capacity": Case(
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=99 * MINUTE, ready={"a": 2, "b": 1}),
        Phase.CANARY,
        {"a": 90, "b": 10},
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
    decision = step(case.situation, case.state)
    assert decision.state.phase is case.phase
    assert decision.weights == case.weights
    assert told(decision) == case.told
    assert decision.state.decisions == case.state.decisions + len(decision.notices)
    assert RolloutState.model_validate_json(decision.state.model_dump_json(by_alias=True)) == decision.state


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_second_look_at_the_same_situation_changes_nothing(case: Case) -> None:
    first = step(case.situation, case.state)
    second = step(case.situation, first.state)
    assert second.state == first.state
    assert second.notices == ()
    assert second.weights == first.weights


MESSAGES = {
    "the deadline counts pods and seconds": (
        preparing(),
        situation(at=5 * MINUTE, ready={"b": 1}),
        "revision b is rolled back: 1 of 2 pods were ready after 300 s",
    ),
    "a model that fails says what its pod said": (
        preparing(),
        situation(failure="sha256 differs"),
        "revision b is rolled back: sha256 differs",
    ),
    "harm is told by the checks that failed": (
        RolloutState(
            phase=Phase.CANARY,
            stable="a",
            candidate=candidate(
                step_started_at=START,
                checks=(report(Verdict.FAIL, "errors 9 of 9"), report(Verdict.PASS, "latency is fine")),
            ),
        ),
        situation(verdict=Verdict.FAIL),
        "revision b is rolled back: errors 9 of 9",
    ),
    "harm that no check shows by itself is told as such": (
        canary(),
        situation(verdict=Verdict.FAIL),
        "revision b is rolled back: the checks together failed",
    ),
    "a first revision says that nothing can be compared": (
        preparing(stable=None),
        situation(),
        "revision b is stable: it is the first revision and nothing can be compared with it",
    ),
    "a step says its weight and number": (
        preparing(),
        situation(),
        "revision b gets 10 % of requests (step 1 of 2)",
    ),
    "a promotion says what was found": (
        canary(1),
        situation(verdict=Verdict.PASS, at=MINUTE),
        "revision b is stable: all 2 steps passed: errors 1 of 10 against 0 of 90",
    ),
    "an inconclusive step says what was found": (
        canary(),
        situation(at=10 * MINUTE),
        "step 1 ended without enough evidence: errors 1 of 10 against 0 of 90",
    ),
    "a superseded candidate says for whom": (
        canary(),
        situation("a"),
        "revision b is superseded: the spec now names a",
    ),
    "a rollout says against whom": (
        serving(),
        situation(ready={"a": 2}),
        "revision b is prepared, against stable a",
    ),
    "a first rollout says that it is the first": (
        RolloutState(),
        situation(ready={}),
        "revision b is prepared, the first of this model",
    ),
}


@pytest.mark.parametrize(("state", "now", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_people_are_told(state: RolloutState, now: Situation, message: str) -> None:
    assert step(now, state).notices[0].message == message


def test_a_notice_carries_the_weights_before_and_after_and_the_checks() -> None:
    (rise,) = step(situation(verdict=Verdict.PASS, at=MINUTE), canary()).notices
    assert (rise.weight_before, rise.weight_after, rise.warning) == (10, 50, False)
    assert rise.checks == (report(Verdict.COLLECTING),)
    (fall,) = step(situation(verdict=Verdict.FAIL), canary(1)).notices
    assert (fall.weight_before, fall.weight_after, fall.warning) == (50, 0, True)
    (hold,) = step(situation(at=10 * MINUTE), canary(1)).notices
    assert (hold.weight_before, hold.weight_after, hold.warning) == (50, 50, True)


def test_a_rejection_says_when_why_and_what() -> None:
    rejected = step(situation(failure="bad opset", at=MINUTE), preparing()).state.rejected
    assert rejected is not None
    assert (rejected.revision, rejected.at, rejected.reason) == ("b", START + MINUTE, Reason.MODEL_FAILED)
    assert rejected.message == "bad opset"


def test_no_message_is_too_long_to_roll_back() -> None:
    decision = step(situation(failure="x" * 10_000), preparing())
    assert decision.state.rejected is not None
    assert RolloutState.model_validate_json(decision.state.model_dump_json()).rejected == decision.state.rejected


@pytest.mark.parametrize(
    ("state", "now"),
    [
        (canary(verdict=Verdict.FAIL), situation(verdict=Verdict.FAIL)),
        (preparing(), situation(failure="bad opset")),
        (canary(), situation("a")),
    ],
    ids=["rolled back", "never let in", "superseded"],
)
def test_a_revision_that_lost_its_traffic_drains_before_its_pods_go(state: RolloutState, now: Situation) -> None:
    lost = step(now, state).state
    assert running(lost) == ("a", "b")
    just_before = step(situation(now.desired, at=DRAIN - SECOND), lost).state
    assert running(just_before) == ("a", "b")
    gone = step(situation(now.desired, at=DRAIN), lost).state
    assert running(gone) == ("a",)


def test_the_previous_stable_revision_stays_loaded_for_keep_warm() -> None:
    promoted = step(situation(verdict=Verdict.PASS, at=MINUTE), canary(1)).state
    assert running(promoted) == ("b", "a")
    (entry,) = promoted.retiring
    assert entry == warm("a", left=31 * MINUTE)
    assert running(step(situation(at=31 * MINUTE - SECOND), promoted).state) == ("b", "a")
    assert running(step(situation(at=31 * MINUTE), promoted).state) == ("b",)


def test_the_previous_stable_revision_drains_even_when_keep_warm_is_0() -> None:
    promoted = step(situation(verdict=Verdict.PASS, at=MINUTE), canary(1, policy=policy(keep_warm=timedelta(0)))).state
    assert [entry.until for entry in promoted.retiring] == [START + MINUTE + DRAIN]


def test_a_revision_that_begins_again_retires_no_more() -> None:
    decision = step(situation(ready={"a": 2}), serving(retiring=(warm("b"), warm("c"))))
    assert [entry.revision for entry in decision.state.retiring] == ["c"]
    assert decision.state.candidate is not None
    assert decision.state.candidate.returning


def test_a_revision_retires_once() -> None:
    state = RolloutState(
        phase=Phase.CANARY, stable="a", candidate=candidate(step_started_at=START), retiring=(warm("b"),)
    )
    rejected = step(situation(verdict=Verdict.FAIL), state).state
    assert rejected.retiring == (retiring("b", left=DRAIN),)


def test_the_list_of_retiring_revisions_is_bounded() -> None:
    state = serving("r0")
    for number in range(1, MAX_RETIRING + 10):
        name = f"r{number}"
        now = situation(name, ready={name: 2}, mode=Mode.SERVICE, at=number * SECOND)
        state = step(now, state).state
        assert state.stable == name
    assert len(state.retiring) == MAX_RETIRING
    assert state.retiring[-1].revision == f"r{MAX_RETIRING + 8}"
    assert RolloutState.model_validate_json(state.model_dump_json()) == state


def test_a_step_begins_with_its_own_evidence_of_promotion_and_keeps_that_of_harm() -> None:
    spec = evidence.EvidenceSpec.of(POLICY.false_rollback_rate, POLICY.checks)
    began = evidence.begin("b", "a", 0.0)
    pods = [evidence.PodSample("pod", 1.0, "b", 500, 3)]
    gathered = evidence.update(spec, began, pods, {"pod"}, 10.0)
    decision = step(situation(verdict=Verdict.PASS, at=MINUTE), canary(evidence=gathered))
    assert decision.state.candidate is not None
    kept = decision.state.candidate.evidence
    assert isinstance(kept, Evidence)
    assert kept == evidence.reset_promotion(gathered)
    assert kept != gathered
    assert kept.comparisons[0].harm == gathered.comparisons[0].harm


def test_an_overdue_step_is_announced_once_and_the_next_one_again() -> None:
    late = step(situation(at=10 * MINUTE), canary())
    assert told(late) == ["Inconclusive b"]
    assert late.state.candidate is not None
    assert late.state.candidate.overdue
    later = step(situation(at=11 * MINUTE), late.state)
    assert told(later) == NOTHING
    advanced = step(situation(at=12 * MINUTE, verdict=Verdict.PASS), later.state)
    assert advanced.state.candidate is not None
    assert not advanced.state.candidate.overdue
    assert told(step(situation(at=22 * MINUTE), advanced.state)) == ["Inconclusive b"]


def test_a_whole_rollout_numbers_its_decisions() -> None:
    done = after(
        RolloutState(decisions=7, stable="a"),
        situation(ready={"a": 2}),
        situation(at=MINUTE),
        situation(at=2 * MINUTE, verdict=Verdict.PASS),
        situation(at=3 * MINUTE, verdict=Verdict.PASS),
    )
    assert done.state.stable == "b"
    assert done.state.decisions == 7 + 4


def test_a_to_b_to_a_after_promotion_returns_at_once_and_b_stays_warm() -> None:
    promoted = step(situation(verdict=Verdict.PASS, at=MINUTE), canary(1)).state
    back = step(situation("a", at=2 * MINUTE), promoted)
    assert told(back) == ["RolloutStarted a", "Returned a"]
    assert back.weights == {"a": 100}
    assert back.state.retiring == (warm("b", left=32 * MINUTE),)


def test_a_rejected_revision_is_tried_again_after_the_spec_named_another() -> None:
    decision = after(rolled_back(), situation("a", at=MINUTE), situation("b", at=2 * MINUTE))
    assert told(decision) == ["RolloutStarted b", "StepStarted b"]


REQUEUES: dict[str, tuple[RolloutState, Situation, timedelta]] = {
    "in a step, at the policy's interval": (canary(), situation(), POLICY.interval),
    "in a step, never more often than once a second": (
        canary(policy=policy(interval=timedelta(0))),
        situation(),
        SECOND,
    ),
    "in a step, when pods are to go before the interval is over": (
        canary(policy=policy(interval=10 * MINUTE)).model_copy(update={"retiring": (retiring("c", left=MINUTE),)}),
        situation(),
        MINUTE,
    ),
    "while pods are prepared, soon": (preparing(), situation(ready={}), timedelta(seconds=10)),
    "at rest, once in a while": (serving(), situation("a"), RESYNC),
    "at rest, when the pods of a retiring revision are to go": (
        serving(retiring=(warm("b", left=MINUTE), warm("c", left=2 * MINUTE))),
        situation("a"),
        MINUTE,
    ),
    "after a rollback, when the pods are to go": (rolled_back(), situation(), DRAIN),
}


@pytest.mark.parametrize(("state", "now", "expected"), REQUEUES.values(), ids=REQUEUES.keys())
def test_when_to_look_again(state: RolloutState, now: Situation, expected: timedelta) -> None:
    assert step(now, state).requeue_after == expected


def test_weights_without_anything_stable_are_empty() -> None:
    assert weights(RolloutState()) == {}
    assert candidate_weight(RolloutState()) == 0
    assert running(RolloutState()) == ()


def test_a_state_that_contradicts_itself_is_not_guessed_about() -> None:
    broken = RolloutState(phase=Phase.CANARY, stable="b")
    assert step(situation("b"), broken).state.phase is Phase.IDLE
    with pytest.raises(ValueError, match="names none"):
        step(situation("b", policy=None), broken.model_copy(update={"stable": "a", "rejected": rolled_back().rejected}))


def test_the_default_policy_is_a_policy() -> None:
    decision = step(situation(policy=RolloutPolicySpec()), serving())
    assert decision.weights == {"a": 95, "b": 5}
