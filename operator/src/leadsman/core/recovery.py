"""What the machine knows after `.status` was lost, as by a restore from a backup: the labels of the ModelRevisions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import DecisionRecord, ModelRevision
from leadsman.api.status import ModelDeploymentStatus, Phase, Rejection, RolloutState
from leadsman.core.revision import Role, revisions_with_role

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def recovered_state(status: ModelDeploymentStatus, revisions: Mapping[str, ModelRevision]) -> RolloutState:
    """The machine's state; rebuilt from the labels when the status was never written or has been lost.

    A model that was proven stays stable, and one that was rejected stays rejected; a rollout that was under way starts
    again, with its evidence still to be gathered.
    """
    # Not by observedGeneration: after a loss a refusal may have written it before any rollout was.
    if status.rollout != RolloutState():
        return status.rollout
    stable = revisions_with_role(revisions.values(), Role.STABLE)
    rejected = revisions_with_role(revisions.values(), Role.REJECTED)
    receipts = [record for revision in revisions.values() for record in revision.status.receipts]
    return RolloutState(
        phase=Phase.ROLLED_BACK if rejected else Phase.IDLE,
        stable=stable[0].spec.revision if stable else None,
        rejected=_rejection(rejected[0]) if rejected else None,
        decisions=_decisions(receipts),
    )


def _decisions(receipts: Sequence[DecisionRecord]) -> int:
    """The last number taken. A rollout that was begun and is begun again, as after a crash in the very first pass,
    is the same decision under the same number.
    """
    if not receipts:
        return 0
    last = max(receipts, key=lambda receipt: receipt.sequence)
    return last.sequence - 1 if last.reason == Reason.ROLLOUT_STARTED else last.sequence


def _rejection(revision: ModelRevision) -> Rejection:
    last = revision.status.receipts[-1] if revision.status.receipts else None
    return Rejection(
        revision=revision.spec.revision,
        at=last.at if last else revision.metadata.creation_timestamp or _LONG_AGO,
        reason=last.reason if last else Reason.ROLLED_BACK,
        message=revision.status.message or "it was rolled back before the status was lost",
    )
