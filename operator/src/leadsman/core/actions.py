"""RolloutActions as the machine sees them, and what it answers."""

from collections.abc import Mapping, Sequence

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import DecisionRecord, ModelRevision, Outcome
from leadsman.api.rolloutaction import ActionOutcome, Requester, RolloutAction, RolloutActionStatus
from leadsman.api.status import Acted
from leadsman.core.names import CHANGED_BY_ANNOTATION
from leadsman.core.receipts import outcome_of
from leadsman.core.situation import Request

# So many are decided on in one pass; the rest in the next.
_AT_ONCE = 8
_NOBODY = Requester.model_construct(user="", groups=())


def requests(actions: Sequence[RolloutAction], acted: Sequence[Acted]) -> tuple[Request, ...]:
    """What has no answer yet, the oldest first: all that was decided on before, and some that was not."""
    decided = {one.uid for one in acted}
    unanswered = [action for action in actions if action.status.outcome is None]
    unanswered.sort(key=lambda action: (str(action.metadata.creation_timestamp), action.metadata.name))
    undecided = [action for action in unanswered if action.metadata.uid not in decided]
    later = {action.metadata.uid for action in undecided[_AT_ONCE:]}
    return tuple(_request(action) for action in unanswered if action.metadata.uid not in later)


def answers(actions: Sequence[RolloutAction], acted: Sequence[Acted]) -> dict[str, RolloutActionStatus]:
    """The statuses that are still to be written, by name."""
    unwritten = {action.metadata.uid: action for action in actions if action.status.outcome is None}
    return {
        one.name: RolloutActionStatus(
            observed_generation=unwritten[one.uid].metadata.generation,
            outcome=ActionOutcome.ACCEPTED if one.accepted else ActionOutcome.REFUSED,
            message=one.message,
            at=one.at,
            sequence=one.sequence,
        )
        for one in acted
        if one.uid in unwritten
    }


def proved(revisions: Mapping[str, ModelRevision]) -> tuple[str, ...]:
    """The retained revisions that were promoted once and not taken back since, the latest first."""
    promoted = {revision: _promoted_by(record.status.receipts) for revision, record in revisions.items()}
    found = {revision: sequence for revision, sequence in promoted.items() if sequence is not None}
    return tuple(sorted(found, key=lambda revision: found[revision], reverse=True))


def author_of(deployment: ModelDeployment) -> str:
    """Who last changed the model or runtime, as admission has stamped it; empty where it does not."""
    return deployment.metadata.annotations.get(CHANGED_BY_ANNOTATION, "")[:512]


def _promoted_by(receipts: Sequence[DecisionRecord]) -> int | None:
    """The decision by which a revision was promoted last; None if it never was, or was taken back since.

    A later try that ended otherwise changes nothing about that.
    """
    ends = [one for one in receipts if outcome_of(one.reason) in (Outcome.PROMOTED, Outcome.ROLLED_BACK)]
    return ends[-1].sequence if ends and outcome_of(ends[-1].reason) is Outcome.PROMOTED else None


def _request(action: RolloutAction) -> Request:
    spec = action.spec
    who = spec.requested_by or _NOBODY
    return Request(
        uid=action.metadata.uid,
        name=action.metadata.name,
        verb=spec.verb,
        user=who.user,
        groups=who.groups,
        revision=spec.revision,
        evidence=spec.evidence,
        step=spec.step,
        reason=spec.reason,
    )
