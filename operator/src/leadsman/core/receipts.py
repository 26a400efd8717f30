"""The audit trail on a ModelRevision: every decision about it, with what it was based on."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import DECISIONS_KEPT, DecisionRecord, ModelRevisionStatus, Outcome
from leadsman.core.rollout import Notice

_OUTCOMES = {
    Reason.FIRST_REVISION: Outcome.PROMOTED,
    Reason.SWITCHED: Outcome.PROMOTED,
    Reason.RETURNED: Outcome.PROMOTED,
    Reason.PROMOTED: Outcome.PROMOTED,
    Reason.SUPERSEDED: Outcome.SUPERSEDED,
    Reason.ROLLOUT_STARTED: Outcome.IN_PROGRESS,
    Reason.STEP_STARTED: Outcome.IN_PROGRESS,
    Reason.HELD: Outcome.IN_PROGRESS,
}


def record(
    status: ModelRevisionStatus, numbered: Iterable[tuple[int, Notice]], digest: str | None, now: datetime
) -> ModelRevisionStatus:
    """Add decisions to a revision's trail.

    A decision that is already there by its number is replaced: after a crash between the receipt and the status that
    commits it, the same decision is taken again.
    """
    for sequence, notice in numbered:
        entry = DecisionRecord(
            sequence=sequence,
            at=now,
            reason=notice.reason,
            message=notice.message[:4096],
            weight_before=notice.weight_before,
            weight_after=notice.weight_after,
            checks=notice.checks,
        )
        kept: Sequence[DecisionRecord] = [old for old in status.decisions if old.sequence < sequence]
        status = status.model_copy(
            update={
                "decisions": (*kept, entry)[-DECISIONS_KEPT:],
                "message": entry.message,
                "outcome": _OUTCOMES.get(notice.reason, Outcome.ROLLED_BACK),
            }
        )
    return status.model_copy(update={"digest": digest or status.digest})
