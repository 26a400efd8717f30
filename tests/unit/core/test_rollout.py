"""The rollout machine beyond single transitions: what people are told, what is kept, when to look again."""

from datetime import timedelta

import pytest

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Evidence, Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step
from leadsman.api.status import MAX_RETIRING, Mode, Phase, RolloutState
from leadsman.core import evidence
from leadsman.core.rollout import DRAIN, RESYNC, candidate_weight, running, step, weights
from leadsman.core.situation import Situation
from support.machine import (
    ASKED,
    BY_TIME,
    MINUTE,
    POLICY,
    SHADOW_FIRST,
    START,
    UNASKED,
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
    shadow,
    situation,
    told,
    warm,
)
from unit.core.evidence.world import update

NOTHING: list[str] = []
SECOND = timedelta(seconds=1)


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
    "a shadow step says whose answers nobody sees": (
        preparing(policy=SHADOW_FIRST),
        situation(),
        "revision b answers a copy of 100 % of requests, unseen by users (step 1 of 3)",
    ),
    "a step that follows one that passed by its time says so": (
        canary(policy=BY_TIME),
        situation(verdict=Verdict.COLLECTING, at=MINUTE),
        "revision b gets 50 % of requests (step 2 of 2); step 1 passed by its time: errors 1 of 10 against 0 of 90",
    ),
    "a promotion by time says so": (
        canary(1, policy=BY_TIME),
        situation(verdict=Verdict.COLLECTING, at=MINUTE),
        "revision b is stable: all 2 steps passed: step 2 passed by its time: errors 1 of 10 against 0 of 90",
    ),
    "a step until Time that was proved does not speak of its time": (
        canary(policy=BY_TIME),
        situation(verdict=Verdict.PASS, at=MINUTE),
        "revision b gets 50 % of requests (step 2 of 2)",
    ),
    "a step that follows an inconclusive one says so": (
        canary(policy=on_inconclusive(OnInconclusive.PROMOTE)),
        situation(verdict=Verdict.COLLECTING, at=10 * MINUTE),
        "revision b gets 50 % of requests (step 2 of 2); "
        "step 1 ended without enough evidence: errors 1 of 10 against 0 of 90",
    ),
    "a step in which nobody asked says so": (
        canary(evidence=UNASKED),
        situation(verdict=Verdict.PASS, at=10 * MINUTE),
        "step 1 ended without a single request to the candidate: errors 1 of 10 against 0 of 90",
    ),
    "a step that ends short of pods says so": (
        canary(),
        situation(verdict=Verdict.PASS, at=10 * MINUTE, ready={"a": 2, "b": 1}),
        "step 1 ended without all of the candidate's pods ready: errors 1 of 10 against 0 of 90",
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
    (copied,) = step(situation(), preparing(policy=SHADOW_FIRST)).notices
    assert (copied.weight_before, copied.weight_after, copied.warning) == (0, 0, False)
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
        (shadow(verdict=Verdict.FAIL), situation(verdict=Verdict.FAIL)),
        (preparing(), situation(failure="bad opset")),
        (canary(), situation("a")),
    ],
    ids=["rolled back", "never seen", "never let in", "superseded"],
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
    began = evidence.begin(spec, "b", "a", 0.0)
    sight = evidence.Sight([evidence.LivePod("pod", "b")], [evidence.PodSample("pod", 1.0, "b", 500, 3)])
    gathered = update(spec, began, sight, 10.0)
    decision = step(situation(verdict=Verdict.PASS, at=MINUTE), canary(evidence=gathered))
    assert decision.state.candidate is not None
    kept = decision.state.candidate.evidence
    assert isinstance(kept, Evidence)
    assert kept == evidence.reset_promotion(gathered)
    assert kept != gathered
    assert kept.step_requests == 0
    assert kept.comparisons[0].odds == gathered.comparisons[0].odds


def test_an_overdue_step_is_announced_once_and_the_next_one_again() -> None:
    late = step(situation(at=10 * MINUTE), canary())
    assert told(late) == ["Held b"]
    assert late.state.candidate is not None
    assert late.state.candidate.overdue
    later = step(situation(at=11 * MINUTE), late.state)
    assert told(later) == NOTHING
    advanced = step(situation(at=12 * MINUTE, verdict=Verdict.PASS), later.state)
    assert advanced.state.candidate is not None
    assert not advanced.state.candidate.overdue
    assert told(step(situation(at=22 * MINUTE), advanced.state)) == ["Held b"]


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


_SUSPICION = report(Verdict.COLLECTING, harm=0.2)

REQUEUES: dict[str, tuple[RolloutState, Situation, timedelta]] = {
    "in a shadow step, at the policy's interval": (shadow(), situation(), POLICY.interval),
    "in a step, at the policy's interval": (canary(), situation(), POLICY.interval),
    "in a step, never more often than once a second": (
        canary(policy=policy(interval=timedelta(0))),
        situation(),
        SECOND,
    ),
    "in a step, every second once something speaks against the candidate": (
        canary(0).model_copy(update={"candidate": candidate(step_started_at=START, checks=(_SUSPICION,))}),
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
        step(situation("b"), broken.model_copy(update={"stable": "a", "rejected": rolled_back().rejected}))


def test_the_default_policy_is_a_policy() -> None:
    decision = step(situation(policy=RolloutPolicySpec()), serving())
    assert decision.weights == {"a": 95, "b": 5}


def test_a_pass_counts_for_one_step_only() -> None:
    """With a minDuration of 0 it is the reset of the evidence, not the clock, that makes the next step owe its own."""
    steps = tuple(Step(weight=weight, min_duration=timedelta(0)) for weight in (5, 25, 50))
    passed = situation(verdict=Verdict.PASS, policy=policy(steps=steps))
    first = step(passed, serving())
    assert first.weights == {"a": 95, "b": 5}, "one step a look, whatever was judged before it began"
    assert first.state.candidate is not None
    asked = first.state.candidate.model_copy(update={"evidence": ASKED})
    second = step(passed, first.state.model_copy(update={"candidate": asked}))
    assert second.weights == {"a": 75, "b": 25}
    assert step(passed, second.state).weights == second.weights, "what was counted is used up"
