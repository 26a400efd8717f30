"""What people may ask for by RolloutActions, in fake time: core.decide on the cluster of support.world."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.evidence import Verdict
from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import ApprovalRules, OnInconclusive, RolloutPolicySpec, Step
from leadsman.api.status import Phase
from leadsman.core.rollout import step
from leadsman.core.situation import Request
from support.machine import MINUTE, canary, situation, told
from support.simulated import after, careful, world
from support.world import World

SECONDS = timedelta(seconds=1)


def gated(rules: ApprovalRules | None = None, **changes: object) -> RolloutPolicySpec:
    """The usual policy with an approval after its first step."""
    first, *others = careful().steps
    gate = Step(approval=rules or ApprovalRules(), min_duration=0 * SECONDS, max_duration=1800 * SECONDS)
    return careful(steps=(first, gate, *others), **changes)


def waiting(rules: ApprovalRules | None = None, **changes: Any) -> World:
    """Version 2 waits for approval, at 20 % of requests."""
    made = world()
    made.policy = gated(rules, **changes)
    made.author = "dora"
    made.apply("2")
    made.until("ApprovalAwaited")
    return made


def test_an_approval_lets_the_candidate_go_on_and_is_on_its_record() -> None:
    at = waiting()
    assert at.state.phase is Phase.APPROVAL
    assert at.weights() == {at.hash_of("1"): 80, at.hash_of("2"): 20}
    at.rest(300)
    assert at.weights() == {at.hash_of("1"): 80, at.hash_of("2"): 20}, "no evidence stands in for people"
    assert at.condition("Ready") == "False/ApprovalAwaited"
    asked = at.ask("Approve", user="alice")
    assert after(at, asked) == f"Accepted: alice approves revision {at.hash_of('2')} (1 of 1)"
    at.until("Promoted")
    receipts = {receipt.reason: receipt for receipt in at.status_of(at.hash_of("2")).receipts}
    approved = receipts["Approved"]
    assert (approved.by, approved.action) == ("alice", asked)
    assert approved.checks, "the evidence that was approved is on the record"
    assert at.asked[asked]["status"]["sequence"] == approved.sequence
    assert at.lost == 0


def test_a_candidate_that_turns_bad_while_people_think_is_rolled_back() -> None:
    at = waiting()
    at.turn("2", errors=0.5)
    at.until("EvidenceFailed")
    assert at.weights() == {at.hash_of("1"): 100}
    late = at.ask("Approve", revision=at.hash_of("2"), evidence="bcdfghjk")
    assert after(at, late) == "Refused: no rollout is under way"


REFUSED: dict[str, tuple[ApprovalRules, dict[str, Any], str]] = {
    "of other evidence": (ApprovalRules(), {"evidence": "bcdfghjk"}, "this approval is void: it speaks of evidence"),
    "of another revision": (ApprovalRules(), {"revision": "bcdfghjk"}, "this is void: it speaks of revision bcdfghjk"),
    "by nobody": (ApprovalRules(), {"user": ""}, "nobody has proven who approves"),
    "by a stranger": (ApprovalRules(groups=("risk",)), {"groups": ("sales",)}, "alice is in none of the groups"),
    "by the author": (ApprovalRules(not_by_author=True), {"user": "dora"}, "dora is the author of this change"),
}


@pytest.mark.parametrize(("rules", "spec", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_an_approval_is_refused(rules: ApprovalRules, spec: dict[str, Any], expected: str) -> None:
    at = waiting(rules)
    answer = after(at, at.ask("Approve", **spec))
    assert answer.startswith(f"Refused: {expected}"), answer
    at.rest(60)
    assert at.state.phase is Phase.APPROVAL


def test_without_a_known_author_nobody_can_be_another() -> None:
    at = world()
    at.policy = gated(ApprovalRules(not_by_author=True))
    at.apply("2")
    at.until("ApprovalAwaited")
    assert after(at, at.ask("Approve")).startswith("Refused: the policy wants an approval by another than the author")


def test_two_of_a_group_have_to_approve_and_one_person_is_not_two() -> None:
    at = waiting(ApprovalRules(required=2, groups=("risk",), not_by_author=True))
    assert after(at, at.ask("Approve", user="alice", groups=("risk", "sales"))).startswith("Accepted")
    assert at.state.phase is Phase.APPROVAL
    again = at.ask("Approve", user="alice", groups=("risk",))
    assert after(at, again) == "Refused: alice has approved this already; 2 different people have to"
    assert after(at, at.ask("Approve", user="bob", groups=("risk",))).startswith("Accepted")
    assert at.state.phase is Phase.CANARY


def test_no_inconclusive_step_and_no_time_passes_an_approval() -> None:
    at = waiting(on_inconclusive=OnInconclusive.PROMOTE)
    at.rest(2400)
    assert at.state.phase is Phase.APPROVAL
    assert at.reasons[-1] == "Held"


def test_a_first_revision_and_one_without_a_gateway_owe_their_approvals_too() -> None:
    at = World(policy=gated(), models=world().models, gateway=False)
    for version, end in (("1", "FirstRevision"), ("2", "Switched")):
        at.apply(version)
        at.until("ApprovalAwaited")
        assert at.hash_of(version) not in at.weights()
        at.ask("Approve")
        at.until(end)
        at.rest(10)
        assert at.weights() == {at.hash_of(version): 100}


def test_while_paused_nothing_gets_more_and_resumed_the_step_goes_on_where_it_was() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.ask("Pause", reason="end of quarter")
    at.until("Paused")
    before = at.state.candidate
    at.rest(900)
    assert at.weights()[at.hash_of("2")] == 20
    assert at.condition("Ready") == "False/Paused"
    assert at.state.candidate
    assert at.state.candidate.step_started_at == (before and before.step_started_at)
    at.ask("Resume")
    at.until("Promoted", seconds=120)
    assert [by for by in (receipt.by for receipt in at.status_of(at.hash_of("2")).receipts) if by] == ["alice"] * 2


def test_while_paused_harm_still_takes_everything_back() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.ask("Pause")
    at.until("Paused")
    at.turn("2", errors=0.5)
    at.until("EvidenceFailed")
    assert at.weights() == {at.hash_of("1"): 100}


def test_a_spec_that_is_applied_while_paused_gets_nothing_until_somebody_resumes() -> None:
    at = world()
    at.ask("Pause")
    at.until("Paused")
    at.apply("2")
    at.rest(200)
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.state.phase is Phase.PREPARING
    at.ask("Resume")
    at.until("Promoted")


def test_promote_waives_evidence_but_no_pod_and_no_approval() -> None:
    at = world()
    at.policy = gated()
    at.apply("2")
    at.until("RolloutStarted")
    at.ask("Promote", user="olga", reason="fixes the outage")
    at.until("ApprovalAwaited")
    assert at.served[at.hash_of("2")] == 0
    at.ask("Approve", user="alice")
    at.until("Promoted")
    receipt = at.status_of(at.hash_of("2")).receipts[-1]
    assert "olga asked for it: fixes the outage" in receipt.message
    assert receipt.by == "olga"
    assert at.lost == 0


def test_abort_takes_everything_back_until_somebody_retries() -> None:
    at = world()
    revision = at.apply("2")
    at.until("StepStarted")
    at.ask("Abort", reason="wrong data")
    at.until("Aborted")
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.status_of(revision).outcome is Outcome.ABORTED
    at.rest(600)
    assert at.condition("Ready") == "False/Aborted"
    assert at.condition("Stalled") == "True/Aborted"
    assert at.served[revision] < 600
    at.ask("Retry")
    at.until("Promoted")
    assert at.condition("Stalled") == ""


def test_a_rolled_back_revision_can_be_retried_and_nothing_else() -> None:
    at = world()
    at.apply("bad")
    at.until("EvidenceFailed")
    other = at.ask("Retry", revision="bcdfghjk")
    assert after(at, other) == "Refused: revision bcdfghjk is not one that was taken back"
    at.turn("bad", errors=0.0)
    at.ask("Retry", revision=at.hash_of("bad"))
    at.until("Promoted")


def test_skip_goes_to_the_next_step_and_over_no_approval() -> None:
    at = world()
    at.policy = gated()
    at.rps = 0.05  # evidence would take hours
    at.apply("2")
    at.until("StepStarted")
    assert after(at, at.ask("Skip")).startswith("Accepted")
    assert at.state.phase is Phase.APPROVAL
    assert after(at, at.ask("Skip")) == "Refused: nobody can skip an approval: approve it"


def test_two_who_skip_the_same_step_skip_one() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.rest(5)
    first, second, third = at.ask("Skip"), at.ask("Skip", user="bob"), at.ask("Skip", user="carol", step=1)
    at.rest(2)
    assert at.answer_to(first).startswith("Accepted")
    assert at.answer_to(second) == "Refused: a step has begun in this very moment, and nobody has seen it: look again"
    assert at.answer_to(third) == at.answer_to(second)
    late = at.ask("Skip", user="dora", step=0)
    assert after(at, late, 1) == "Refused: this is void: it speaks of step 1, this is step 2"
    assert at.weights() == {at.hash_of("1"): 50, at.hash_of("2"): 50}


def test_killed_at_every_write_of_it_each_request_is_done_once_and_answered() -> None:
    for verb in ("Abort", "Pause", "Promote", "Undo"):
        crash = 0
        while True:
            at = world()
            at.apply("2")
            at.until("StepStarted")
            at.rest(5)
            name = at.ask(verb)
            first = at.writes
            at.crash_before = first + crash
            at.rest(10)
            at.crash_before = None
            said = [receipt for receipt in at.status_of(at.hash_of("2")).receipts if receipt.action == name]
            assert len(said) == 1, (verb, crash, at.receipts())
            assert at.answer_to(name).startswith("Accepted"), (verb, crash)
            if at.crashes == 0 or crash > 12:
                break
            crash += 1


def test_answers_that_cannot_be_written_block_nobody_who_asks_after_them() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.unwritable = {at.ask("Resume") for _ in range(20)}
    at.rest(20)
    assert after(at, at.ask("Abort")).startswith("Accepted")
    assert at.weights() == {at.hash_of("1"): 100}
    decided = [acted.uid for acted in at.state.acted]
    at.rest(1200)
    assert [acted.uid for acted in at.state.acted][:20] == decided[:20], "they are remembered until they are written"


def test_skip_promotes_nobody_whose_harm_is_shown_in_the_same_look() -> None:
    skip = Request(uid="1", name="skip-1", verb=Verb.SKIP, user="alice", revision="b", step=1)
    decision = step(
        replace(situation(verdict=Verdict.FAIL, at=MINUTE), requests=(skip,)), canary(1, verdict=Verdict.FAIL)
    )
    assert told(decision) == ["EvidenceFailed b"]
    assert decision.state.acted[0].message.startswith("it is taken back: errors 1 of 10")


def test_an_approval_given_before_there_was_a_gateway_is_none_of_the_steps_there_are_now() -> None:
    at = world()
    at.policy = gated()
    at.gateway = False
    at.apply("2")
    at.until("ApprovalAwaited")
    at.gateway = True
    at.apply("2")
    at.until("StepStarted")
    assert at.weights() == {at.hash_of("1"): 80, at.hash_of("2"): 20}


def test_more_approvals_than_are_needed_are_refused() -> None:
    at = waiting(ApprovalRules(required=1))
    at.ask("Pause")
    at.rest(5)
    assert after(at, at.ask("Approve", user="bob")).startswith("Accepted")
    assert after(at, at.ask("Approve", user="carol")) == "Refused: it has the 1 approvals that it needs already"


def test_an_approval_of_an_earlier_try_is_void_for_the_next() -> None:
    at = waiting()
    gate = at.state.candidate.gate if at.state.candidate else None
    assert gate
    at.ask("Abort")
    at.until("Aborted")
    at.rest(60)
    at.ask("Retry")
    at.until("ApprovalAwaited")
    assert after(at, at.ask("Approve", evidence=gate.evidence)).startswith("Refused: this approval is void")
