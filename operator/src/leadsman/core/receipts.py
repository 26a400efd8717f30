"""The audit trail on a ModelRevision: a receipt for every decision about it, with what it was based on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import RECEIPTS_KEPT, DecisionRecord, ModelRevisionStatus, Outcome
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.hashing import policy_hash
from leadsman.core.situation import Notice

MOST_BYTES = 96 * 1024
"""Size of all receipts of a revision as JSON, at most; the oldest go first."""

_OUTCOMES = {
    Reason.FIRST_REVISION: Outcome.PROMOTED,
    Reason.SWITCHED: Outcome.PROMOTED,
    Reason.RETURNED: Outcome.PROMOTED,
    Reason.PROMOTED: Outcome.PROMOTED,
    Reason.FORCED: None,
    Reason.HELD: None,
    Reason.PAUSED: None,
    Reason.RESUMED: None,
    Reason.APPROVED: None,
    Reason.APPROVAL_AWAITED: None,
    Reason.UNDO_STARTED: None,
    Reason.UNDO_FAILED: None,
    Reason.PREFLIGHT_FAILED: Outcome.REJECTED,
    Reason.ABORTED: Outcome.ABORTED,
    Reason.SUPERSEDED: Outcome.SUPERSEDED,
    Reason.RETRIED: Outcome.IN_PROGRESS,
    Reason.ROLLOUT_STARTED: Outcome.IN_PROGRESS,
    Reason.STEP_STARTED: Outcome.IN_PROGRESS,
}
"""None where the decision is about the rollout, not about what the revision is."""


@dataclass(frozen=True)
class Basis:
    """What decisions about a revision were based on, besides their checks.

    `stable` served before the decision. The digests are those of the revision's own model and of the stable one's, as
    far as they are known.
    """

    stable: str | None = None
    policy: RolloutPolicySpec | None = None
    digest: str | None = None
    stable_digest: str | None = None


def outcome_of(reason: str) -> Outcome | None:
    """What a revision is after the decision with this reason; None where it is what it was before."""
    return next((outcome for known, outcome in _OUTCOMES.items() if known == reason), Outcome.ROLLED_BACK)


def outcome_after(receipts: Iterable[DecisionRecord]) -> Outcome:
    """What a revision is after decisions about it, the oldest first."""
    said = [outcome for one in receipts if (outcome := outcome_of(one.reason))]
    return said[-1] if said else Outcome.IN_PROGRESS


def receipt(sequence: int, notice: Notice, basis: Basis, now: datetime) -> DecisionRecord:
    """The receipt of one decision. `sequence` is its number within the ModelDeployment."""
    return DecisionRecord(
        sequence=sequence,
        at=now,
        reason=notice.reason,
        message=notice.message[:4096],
        candidate=notice.revision,
        stable=basis.stable,
        weight_before=notice.weight_before,
        weight_after=notice.weight_after,
        by=notice.by,
        action=notice.action,
        policy=policy_hash(basis.policy) if basis.policy else "",
        digest=basis.digest,
        stable_digest=basis.stable_digest,
        checks=notice.checks,
    )


def record(
    status: ModelRevisionStatus, numbered: Iterable[tuple[int, Notice]], basis: Basis, now: datetime
) -> ModelRevisionStatus:
    """Add decisions to a revision's trail.

    A decision that is already there by its number is replaced: after a crash between the receipt and the status that
    commits it, the same decision is taken again.
    """
    for sequence, notice in numbered:
        entry = receipt(sequence, notice, basis, now)
        kept: Sequence[DecisionRecord] = [old for old in status.receipts if old.sequence < sequence]
        status = status.model_copy(
            update={
                "receipts": _newest((*kept, entry)),
                "message": entry.message,
                "outcome": outcome_of(entry.reason) or status.outcome,
            }
        )
    return status.model_copy(update={"digest": basis.digest or status.digest})


def _newest(receipts: tuple[DecisionRecord, ...]) -> tuple[DecisionRecord, ...]:
    """Return as many of the newest as there is room for, and always the last."""
    room = MOST_BYTES
    for number, entry in enumerate(reversed(receipts[-RECEIPTS_KEPT:])):
        room -= len(entry.model_dump_json(by_alias=True, exclude_none=True).encode())
        if room < 0 and number > 0:
            return receipts[-number:]
    return receipts[-RECEIPTS_KEPT:]
