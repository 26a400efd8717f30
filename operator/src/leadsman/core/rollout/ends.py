"""How a rollout ends: by promotion, by rejection, or by a return to an earlier revision."""

from datetime import datetime, timedelta

from leadsman.api.conditions import Reason
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import MAX_RETIRING, Candidate, Mode, Phase, Rejection, Retiring, RolloutState, Undoing, Watch
from leadsman.core.rollout.exposure import candidate_weight
from leadsman.core.rollout.move import Move, candidate_of, changed
from leadsman.core.situation import Notice, Request, Situation

# A revision that lost its traffic keeps its pods this long: the gateway may still send, and requests may be under way.
DRAIN = timedelta(seconds=30)
MESSAGE_LENGTH = 4096


def promote(
    situation: Situation, state: RolloutState, reason: Reason, why: str, request: Request | None = None
) -> Move:
    """The candidate is stable; the previous revision is kept loaded, and the new one watched meanwhile."""
    candidate = candidate_of(state)
    retiring, watch = state.retiring, None
    if state.stable:
        until = situation.now + max(candidate.policy.keep_warm, DRAIN)
        retiring = retired(state, state.stable, until, warm=True)
        watch = _watch(situation, candidate, state.stable)
    notice = Notice(
        revision=candidate.revision,
        reason=reason,
        message=f"revision {candidate.revision} is stable: {why}",
        weight_before=candidate_weight(state),
        weight_after=100,
        checks=candidate.checks,
        by=request.user if request else candidate.forced.by if candidate.forced else "",
        action=request.name if request else "",
    )
    after = changed(
        state,
        phase=Phase.WATCHING if watch else Phase.IDLE,
        stable=candidate.revision,
        candidate=None,
        retiring=retiring,
        watch=watch,
    )
    return after, (notice,)


def reject(situation: Situation, state: RolloutState, reason: Reason, why: str, request: Request | None = None) -> Move:
    """The candidate has no traffic any more, and gets none until the spec names another one or somebody asks."""
    candidate = candidate_of(state)
    if candidate.undoes:
        return _not_undone(situation, state, candidate.undoes, f"{reason}: {why}", request)
    why = why[:MESSAGE_LENGTH]  # nothing that a pod says may be too long to be rolled back for
    notice = Notice(
        revision=candidate.revision,
        reason=reason,
        message=f"revision {candidate.revision} is {_ended(state, reason)}: {why}",
        warning=True,
        weight_before=candidate_weight(state),
        checks=candidate.checks,
        by=request.user if request else "",
        action=request.name if request else "",
    )
    after = changed(
        state,
        phase=Phase.ROLLED_BACK,
        candidate=None,
        rejected=Rejection(revision=candidate.revision, at=situation.now, reason=reason, message=why),
        retiring=draining(situation, state),
    )
    return after, (notice,)


def undone(situation: Situation, state: RolloutState) -> Move:
    """The earlier revision that was asked for serves all; the one that the spec names is rejected for it."""
    candidate = candidate_of(state)
    undoing = candidate.undoes
    if undoing is None:
        raise ValueError(f"revision {candidate.revision} undoes nothing")
    asked = f"{undoing.by or 'somebody'} asked for it" + (f": {undoing.message}" if undoing.message else "")
    retiring = tuple(entry for entry in state.retiring if entry.revision != candidate.revision)
    if state.stable:
        until = situation.now + max(candidate.policy.keep_warm, DRAIN)
        retiring = retired(changed(state, retiring=retiring), state.stable, until, warm=True)
    instead = f"revision {undoing.instead} is undone, revision {candidate.revision} serves again: {asked}"
    notices = (
        Notice(undoing.instead, Reason.UNDONE, instead, warning=True, by=undoing.by),
        Notice(
            revision=candidate.revision,
            reason=Reason.RETURNED,
            message=f"revision {candidate.revision} is stable: {asked}",
            weight_after=100,
            by=undoing.by,
        ),
    )
    after = changed(
        state,
        phase=Phase.ROLLED_BACK,
        stable=candidate.revision,
        candidate=None,
        rejected=Rejection(revision=undoing.instead, at=situation.now, reason=Reason.UNDONE, message=asked),
        retiring=retiring,
    )
    return after, notices


def retired(state: RolloutState, revision: str, until: datetime, *, warm: bool = False) -> tuple[Retiring, ...]:
    """What retires when this revision does."""
    others = [entry for entry in state.retiring if entry.revision != revision]
    return (*others, Retiring(revision=revision, until=until, warm=warm))[-MAX_RETIRING:]


def draining(situation: Situation, state: RolloutState) -> tuple[Retiring, ...]:
    """What retires when the candidate goes: it too, unless this try of it never had a pod.

    One that was on its way back stays loaded for as long as the watch that its return had ended would have lasted.
    """
    candidate = candidate_of(state)
    if state.phase is Phase.PREFLIGHT:
        return state.retiring
    watch = candidate.undoes.watch if candidate.undoes else None
    if watch and watch.previous == candidate.revision and situation.now + DRAIN < watch.until:
        return retired(state, candidate.revision, watch.until, warm=True)
    return retired(state, candidate.revision, situation.now + DRAIN)


def _watch(situation: Situation, candidate: Candidate, previous: str) -> Watch | None:
    policy = candidate.policy
    if candidate.returning or policy.keep_warm <= timedelta(0):
        return None
    copies = _copies(policy) if situation.mode is Mode.GATEWAY else 0
    return Watch(previous=previous, until=situation.now + policy.keep_warm, copies=copies, policy=policy)


def _copies(policy: RolloutPolicySpec) -> int:
    if policy.watch.copies is not None:
        return policy.watch.copies
    # A gateway that cannot mirror may refuse the whole route; one that had to before can.
    return 100 if any(step.shadow for step in policy.steps) else 0


def _not_undone(situation: Situation, state: RolloutState, undoing: Undoing, why: str, request: Request | None) -> Move:
    """The earlier revision cannot serve: what serves goes on, and what was undone on its way in stays so."""
    candidate = candidate_of(state)
    message = f"revision {candidate.revision} does not return: {why}"[:MESSAGE_LENGTH]
    retiring = draining(situation, state)
    warm = {entry.revision for entry in retiring if entry.warm and situation.now < entry.until}
    watch = undoing.watch if undoing.watch and undoing.watch.previous in warm else None
    rejected = (
        Rejection(revision=undoing.instead, at=situation.now, reason=Reason.UNDONE, message=message)
        if undoing.instead != state.stable
        else None
    )
    after = changed(
        state,
        phase=Phase.ROLLED_BACK if rejected else Phase.WATCHING if watch else Phase.IDLE,
        candidate=None,
        rejected=rejected,
        watch=watch,
        retiring=retiring,
    )
    notice = Notice(
        revision=candidate.revision,
        reason=Reason.UNDO_FAILED,
        message=message,
        warning=True,
        by=request.user if request else undoing.by,
        action=request.name if request else "",
    )
    return after, (notice,)


def _ended(state: RolloutState, reason: Reason) -> str:
    if reason is Reason.ABORTED:
        return "aborted"
    return "rejected by its preflight" if state.phase is Phase.PREFLIGHT else "rolled back"
