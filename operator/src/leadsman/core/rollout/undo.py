"""Undo: a return to an earlier revision that somebody asks for."""

from leadsman.api.conditions import Reason
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Candidate, Phase, RolloutState, Undoing, Watch
from leadsman.core.rollout.asked import RefusedError, because, notice_of, who_asks
from leadsman.core.rollout.ends import draining, reject
from leadsman.core.rollout.move import Move, changed
from leadsman.core.situation import Request, Situation


def undo(situation: Situation, state: RolloutState, request: Request) -> Move:
    """Prepare the earlier revision; it serves all as soon as its pods are ready. Raises RefusedError."""
    target = _target(situation, state, request)
    if target == state.stable:
        if state.candidate is None:
            raise RefusedError(f"revision {target} serves already")
        return reject(situation, state, Reason.ABORTED, f"{who_asks(request)} undid it{because(request)}", request)
    if state.rejected and target == state.rejected.revision:
        raise RefusedError(f"revision {target} was taken back ({state.rejected.reason}): Retry is how it returns")
    if target not in situation.proved:
        out = {state.stable, state.rejected.revision if state.rejected else None}
        kept = ", ".join(revision for revision in situation.proved if revision not in out) or "none is kept"
        raise RefusedError(
            f"revision {target} cannot return: it never was stable, was taken back or is not kept; possible: {kept}"
        )
    retiring = draining(situation, state) if state.candidate else state.retiring
    undoing = Undoing(
        by=who_asks(request),
        at=situation.now,
        message=request.reason,
        instead=situation.desired,
        watch=_interrupted(state),
    )
    returning = Candidate(
        revision=target,
        started_at=situation.now,
        returning=True,
        # What the spec names returns as it would by itself.
        undoes=undoing if target != situation.desired else None,
        policy=_policy(situation, state),
    )
    after = changed(state, phase=Phase.PREFLIGHT, candidate=returning, rejected=None, watch=None, retiring=retiring)
    said = f"revision {target} is prepared to serve again: {who_asks(request)} asked for it{because(request)}"
    notices = [notice_of(state, target, Reason.UNDO_STARTED, said, request, weight=0)]
    if state.candidate:
        reason = Reason.UNDO_FAILED if state.candidate.undoes else Reason.ABORTED
        gone = f"revision {state.candidate.revision} is aborted: {who_asks(request)} asked for revision {target}"
        notices.append(notice_of(state, state.candidate.revision, reason, gone, request, after=0))
    return after, tuple(notices)


def _target(situation: Situation, state: RolloutState, request: Request) -> str:
    """What to return to: what was named, else what served before the last change, be it over or under way."""
    on_its_way = state.candidate if state.candidate and state.candidate.undoes else None
    if on_its_way and request.revision in (None, on_its_way.revision):
        raise RefusedError(f"revision {on_its_way.revision} is on its way back already")
    if request.revision:
        return request.revision
    if state.candidate and state.stable:
        return state.stable
    gone = state.rejected.revision if state.rejected else None
    earlier = [revision for revision in situation.proved if revision not in (state.stable, gone)]
    if state.watch:
        return state.watch.previous
    if not earlier:
        raise RefusedError("there is no earlier revision to return to")
    return earlier[0]


def _interrupted(state: RolloutState) -> Watch | None:
    """The watch that a return ends, without what it has counted: until it goes on, nobody compares."""
    if state.candidate and state.candidate.undoes:
        return state.candidate.undoes.watch
    if state.watch is None:
        return None
    return state.watch.model_copy(update={"evidence": None, "checks": (), "failing_since": None})


def _policy(situation: Situation, state: RolloutState) -> RolloutPolicySpec:
    """A return needs a policy's deadlines, not the policy: it must work where that is gone."""
    if state.candidate:
        return state.candidate.policy
    return state.watch.policy if state.watch else situation.policy or RolloutPolicySpec()
