"""The audit trail: every decision once, the newest 50."""

from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.modelrevision import RECEIPTS_KEPT, ModelRevisionStatus, Outcome
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.hashing import policy_hash
from leadsman.core.receipts import MOST_BYTES, Basis, record
from leadsman.core.situation import Notice
from support.machine import POLICY, START, report

DIGEST = f"sha256:{'ab' * 32}"
NONE = ModelRevisionStatus()


def notice(reason: Reason = Reason.STEP_STARTED, message: str = "it happened", **weights: Any) -> Notice:
    """A decision about b."""
    return Notice(revision="b", reason=reason, message=message, **weights)


def test_a_receipt_holds_what_was_decided_and_why() -> None:
    told = Notice("b", Reason.EVIDENCE_FAILED, "it errs", True, 25, 0, (report(Verdict.FAIL),))
    after = record(NONE, [(4, told)], Basis(), START)
    (entry,) = after.receipts
    assert (entry.sequence, entry.at, entry.reason, entry.message) == (4, START, "EvidenceFailed", "it errs")
    assert (entry.weight_before, entry.weight_after) == (25, 0)
    assert entry.checks == (report(Verdict.FAIL),)
    assert after.outcome is Outcome.ROLLED_BACK
    assert after.message == "it errs"
    assert ModelRevisionStatus.model_validate_json(after.model_dump_json(by_alias=True)) == after


def test_a_receipt_names_both_revisions_the_policy_and_both_models() -> None:
    basis = Basis(stable="a", policy=POLICY, digest=DIGEST, stable_digest=DIGEST.replace("ab", "cd"))
    (entry,) = record(NONE, [(4, notice(weight_before=10, weight_after=50))], basis, START).receipts
    assert (entry.candidate, entry.stable) == ("b", "a")
    assert (entry.digest, entry.stable_digest) == (DIGEST, f"sha256:{'cd' * 32}")
    assert entry.policy == policy_hash(POLICY)


def test_a_policy_is_named_after_what_it_says() -> None:
    written_out = RolloutPolicySpec.model_validate_json(RolloutPolicySpec().model_dump_json(by_alias=True))
    assert policy_hash(written_out) == policy_hash(RolloutPolicySpec()), "a default written out is the same policy"
    assert policy_hash(RolloutPolicySpec(false_rollback_rate=0.02)) != policy_hash(RolloutPolicySpec())
    assert len(policy_hash(POLICY)) == 8


def test_the_trail_is_bounded_in_size_too_and_the_last_receipt_is_always_there() -> None:
    checks = tuple(report(Verdict.FAIL, "x" * 512, f"check-{number}") for number in range(20))
    long = Notice("b", Reason.STEP_STARTED, "y" * 4096, True, 25, 0, checks)
    after = record(NONE, [(number, long) for number in range(1, 51)], Basis(), START)
    assert len(after.model_dump_json(by_alias=True, exclude_none=True)) < MOST_BYTES * 1.1
    assert after.receipts[-1].sequence == 50
    assert len(after.receipts) > 2


def test_the_same_number_again_replaces_the_receipt() -> None:
    once = record(NONE, [(1, notice()), (2, notice(message="first try"))], Basis(), START)
    twice = record(once, [(2, notice(message="second try"))], Basis(), START + timedelta(seconds=9))
    assert [entry.sequence for entry in twice.receipts] == [1, 2]
    assert twice.receipts[-1].message == "second try"


def test_a_lower_number_forgets_what_was_never_committed() -> None:
    once = record(NONE, [(1, notice()), (2, notice()), (3, notice())], Basis(), START)
    assert [entry.sequence for entry in record(once, [(2, notice())], Basis(), START).receipts] == [1, 2]


def test_the_trail_keeps_the_newest_50() -> None:
    after = record(NONE, [(number, notice()) for number in range(1, 71)], Basis(), START)
    assert [entry.sequence for entry in after.receipts] == list(range(71 - RECEIPTS_KEPT, 71))


def test_no_decision_changes_nothing() -> None:
    assert record(NONE, [], Basis(), START) == NONE


def test_the_digest_of_the_fetched_bytes_is_kept() -> None:
    known = record(NONE, [], Basis(digest=DIGEST), START)
    assert known.digest == DIGEST
    assert record(known, [], Basis(), START).digest == DIGEST, "also when its pods are gone"


def test_a_long_message_is_cut() -> None:
    assert len(record(NONE, [(1, notice(message="x" * 9000))], Basis(), START).message) == 4096


OUTCOMES = {
    Reason.ROLLOUT_STARTED: Outcome.IN_PROGRESS,
    Reason.STEP_STARTED: Outcome.IN_PROGRESS,
    Reason.FIRST_REVISION: Outcome.PROMOTED,
    Reason.SWITCHED: Outcome.PROMOTED,
    Reason.RETURNED: Outcome.PROMOTED,
    Reason.PROMOTED: Outcome.PROMOTED,
    Reason.SUPERSEDED: Outcome.SUPERSEDED,
    Reason.EVIDENCE_FAILED: Outcome.ROLLED_BACK,
    Reason.MODEL_FAILED: Outcome.ROLLED_BACK,
    Reason.CANDIDATE_UNREADY: Outcome.ROLLED_BACK,
    Reason.PROGRESS_DEADLINE_EXCEEDED: Outcome.ROLLED_BACK,
    Reason.INCONCLUSIVE: Outcome.ROLLED_BACK,
    Reason.HELD: Outcome.IN_PROGRESS,
}


@pytest.mark.parametrize(("reason", "outcome"), OUTCOMES.items())
def test_outcome(reason: Reason, outcome: Outcome) -> None:
    assert record(NONE, [(1, notice(reason))], Basis(), START).outcome is outcome
