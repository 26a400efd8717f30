"""What RolloutActions do to the machine. Each is decided on once; what cannot be done is refused with a sentence."""

from collections.abc import Callable
from datetime import timedelta

from leadsman.api.conditions import Reason
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import ApprovalRules, RolloutPolicySpec
from leadsman.api.status import (
    MAX_ACTED,
    Acted,
    Asking,
    Candidate,
    GivenApproval,
    Phase,
    RolloutState,
    Undoing,
    Watch,
)
from leadsman.core.rollout.clock import started_again
from leadsman.core.rollout.ends import draining, reject
from leadsman.core.rollout.exposure import TRIALS, candidate_weight
from leadsman.core.rollout.move import Move, candidate_of, changed, with_candidate
from leadsman.core.rollout.steps import step_of
from leadsman.core.rollout.trial import go_on, harm
from leadsman.core.situation import Notice, Request, Situation

# How long an answer is remembered that is written already: for longer than any list that is read may be old.
_REMEMBERED = timedelta(minutes=10)


class _RefusedError(Exception):
    """What was asked for cannot be done; the message is the sentence that people read."""


def answer(situation: Situation, state: RolloutState, told: int) -> Move:
    """Decide on what was asked for since the last look. `told` notices were given before in this one."""
    notices: tuple[Notice, ...] = ()
    state = _forget(situation, state)
    for request in situation.requests:
        if request.uid in {acted.uid for acted in state.acted}:
            continue
        if len(state.acted) >= MAX_ACTED:
            break  # until their answers are written: what is forgotten before would be done again
        try:
            if request.verb is Verb.SKIP and any(notice.reason is Reason.STEP_STARTED for notice in notices):
                raise _RefusedError("a step has begun in this very moment, and nobody has seen it: look again")
            state, said = _VERBS[request.verb](situation, state, request)
            accepted, message = True, said[0].message
        except _RefusedError as refusal:
            said, accepted, message = (), False, str(refusal)
        acted = Acted(
            uid=request.uid,
            name=request.name,
            accepted=accepted,
            message=message[:1024],
            at=situation.now,
            sequence=state.decisions + told + len(notices) + 1 if accepted else None,
        )
        state = changed(state, acted=(*state.acted, acted))
        notices += said
    return state, notices


def _forget(situation: Situation, state: RolloutState) -> RolloutState:
    """Keep what may be read again as undecided: that is decided on for good."""
    asked = {request.uid for request in situation.requests}
    unanswered = [acted for acted in state.acted if acted.uid in asked]
    answered = [acted for acted in state.acted if acted.uid not in asked and situation.now - acted.at < _REMEMBERED]
    room = max(MAX_ACTED - len(asked), 0)
    return changed(state, acted=(*answered[max(len(answered) - room, 0) :], *unanswered))


def _approve(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate = _named(state, request)
    gate, rules = candidate.gate, step_of(candidate).approval
    if gate is None or rules is None or state.phase is not Phase.APPROVAL:
        raise _RefusedError(f"revision {candidate.revision} waits for no approval now")
    if request.evidence != gate.evidence:
        raise _RefusedError(
            f"this approval is void: it speaks of evidence {request.evidence}, what waits to be approved is "
            f"{gate.evidence}; look again, then approve that"
        )
    if why := _may_not_approve(candidate, rules, request):
        raise _RefusedError(why)
    if request.user in {given.user for given in gate.approvals}:
        raise _RefusedError(f"{request.user} has approved this already; {gate.required} different people have to")
    if len(gate.approvals) >= gate.required:
        raise _RefusedError(f"it has the {gate.required} approvals that it needs already")
    given = GivenApproval(user=request.user, at=situation.now, action=request.name)
    gate = gate.model_copy(update={"approvals": (*gate.approvals, given)})
    said = f"{request.user} approves revision {candidate.revision} ({len(gate.approvals)} of {gate.required})"
    return with_candidate(state, gate=gate), (_notice(state, candidate.revision, Reason.APPROVED, said, request),)


def _may_not_approve(candidate: Candidate, rules: ApprovalRules, request: Request) -> str:
    if not request.user:
        return "nobody has proven who approves: install the admission policies of the chart (docs/security.md)"
    if rules.groups and not set(rules.groups) & set(request.groups):
        return f"{request.user} is in none of the groups that have to approve: {', '.join(rules.groups)}"
    if rules.not_by_author and not candidate.author:
        return "the policy wants an approval by another than the author, and who is not known (docs/security.md)"
    if rules.not_by_author and candidate.author == request.user:
        return f"{request.user} is the author of this change; the policy wants the approval of somebody else"
    return ""


def _pause(situation: Situation, state: RolloutState, request: Request) -> Move:
    if state.paused:
        raise _RefusedError(f"it is paused already, by {state.paused.by or 'somebody'}")
    if state.candidate and state.candidate.undoes:
        raise _RefusedError(
            f"revision {state.candidate.revision} is on its way back, which waits for nobody: Abort ends it"
        )
    revision = _subject(situation, state)
    said = f"paused by {_who(request)}: nothing gets more traffic until somebody resumes{_why(request)}"
    after = changed(state, paused=Asking(by=_who(request), at=situation.now, message=request.reason))
    return after, (_notice(state, revision, Reason.PAUSED, said, request),)


def _resume(situation: Situation, state: RolloutState, request: Request) -> Move:
    if not state.paused:
        raise _RefusedError("it is not paused")
    said = f"resumed by {_who(request)}{_why(request)}"
    after = started_again(changed(state, paused=None), situation.now)
    return after, (_notice(state, _subject(situation, state), Reason.RESUMED, said, request),)


def _promote(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate = _named(state, request)
    if candidate.forced:
        raise _RefusedError(f"{candidate.forced.by} has asked for that already")
    said = (
        f"revision {candidate.revision} owes no more evidence, only its pods and the approvals of its policy: "
        f"{_who(request)} asked for it{_why(request)}"
    )
    forced = Asking(by=_who(request), at=situation.now, message=request.reason)
    notice = _notice(state, candidate.revision, Reason.FORCED, said, request)
    return with_candidate(state, forced=forced), (notice,)


def _skip(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate = _named(state, request)
    if state.phase is Phase.APPROVAL:
        raise _RefusedError("nobody can skip an approval: approve it")
    if state.phase not in TRIALS:
        raise _RefusedError(f"revision {candidate.revision} is in no step yet")
    if candidate.step != request.step:
        raise _RefusedError(
            f"this is void: it speaks of step {(request.step or 0) + 1}, this is step {candidate.step + 1}"
        )
    if state.paused:
        raise _RefusedError(f"it is paused by {state.paused.by}: resume first")
    if (ready := situation.readiness(candidate.revision).ready) < situation.replicas:
        raise _RefusedError(
            f"{ready} of {situation.replicas} pods of revision {candidate.revision} are ready: wait for them"
        )
    if found := harm(situation, state):
        raise _RefusedError(f"it is taken back: {found[1]}")
    return go_on(situation, state, f"{_who(request)} skipped step {candidate.step + 1}{_why(request)}", request)


def _abort(situation: Situation, state: RolloutState, request: Request) -> Move:
    _named(state, request)
    return reject(situation, state, Reason.ABORTED, f"{_who(request)} asked for it{_why(request)}", request)


def _retry(_: Situation, state: RolloutState, request: Request) -> Move:
    rejected = state.rejected
    if rejected is None or rejected.revision != request.revision:
        raise _RefusedError(f"revision {request.revision} is not one that was taken back")
    said = f"revision {rejected.revision} is tried again: {_who(request)} asked for it{_why(request)}"
    after = changed(state, rejected=None, phase=Phase.IDLE)
    return after, (_notice(state, rejected.revision, Reason.RETRIED, said, request),)


def _undo(situation: Situation, state: RolloutState, request: Request) -> Move:
    target = _target(situation, state, request)
    if target == state.stable:
        if state.candidate is None:
            raise _RefusedError(f"revision {target} serves already")
        return reject(situation, state, Reason.ABORTED, f"{_who(request)} undid it{_why(request)}", request)
    if state.rejected and target == state.rejected.revision:
        raise _RefusedError(f"revision {target} was taken back ({state.rejected.reason}): Retry is how it returns")
    if target not in situation.proved:
        out = {state.stable, state.rejected.revision if state.rejected else None}
        kept = ", ".join(revision for revision in situation.proved if revision not in out) or "none is kept"
        raise _RefusedError(
            f"revision {target} cannot return: it never was stable, was taken back or is not kept; possible: {kept}"
        )
    retiring = draining(situation, state) if state.candidate else state.retiring
    undoing = Undoing(
        by=_who(request),
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
    said = f"revision {target} is prepared to serve again: {_who(request)} asked for it{_why(request)}"
    notices = [_notice(state, target, Reason.UNDO_STARTED, said, request, weight=0)]
    if state.candidate:
        reason = Reason.UNDO_FAILED if state.candidate.undoes else Reason.ABORTED
        gone = f"revision {state.candidate.revision} is aborted: {_who(request)} asked for revision {target}"
        notices.append(_notice(state, state.candidate.revision, reason, gone, request, after=0))
    return after, tuple(notices)


def _target(situation: Situation, state: RolloutState, request: Request) -> str:
    """What to return to: what was named, else what served before the last change, be it over or under way."""
    on_its_way = state.candidate if state.candidate and state.candidate.undoes else None
    if on_its_way and request.revision in (None, on_its_way.revision):
        raise _RefusedError(f"revision {on_its_way.revision} is on its way back already")
    if request.revision:
        return request.revision
    if state.candidate and state.stable:
        return state.stable
    gone = state.rejected.revision if state.rejected else None
    earlier = [revision for revision in situation.proved if revision not in (state.stable, gone)]
    if state.watch:
        return state.watch.previous
    if not earlier:
        raise _RefusedError("there is no earlier revision to return to")
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


def _named(state: RolloutState, request: Request) -> Candidate:
    """The candidate, if it is the one that the request speaks of."""
    if state.candidate is None:
        raise _RefusedError("no rollout is under way")
    if state.candidate.revision != request.revision:
        raise _RefusedError(
            f"this is void: it speaks of revision {request.revision}, the candidate is {state.candidate.revision}"
        )
    return state.candidate


def _subject(situation: Situation, state: RolloutState) -> str:
    return candidate_of(state).revision if state.candidate else state.stable or situation.desired


def _notice(
    state: RolloutState,
    revision: str,
    reason: Reason,
    message: str,
    request: Request,
    *,
    weight: int | None = None,
    after: int | None = None,
) -> Notice:
    on_trial = state.candidate is not None and state.candidate.revision == revision
    share = candidate_weight(state) if on_trial else 100 if revision == state.stable else 0
    before = share if weight is None else weight
    return Notice(
        revision=revision,
        reason=reason,
        message=message,
        weight_before=before,
        weight_after=before if after is None else after,
        checks=state.candidate.checks if on_trial and state.candidate else (),
        by=request.user,
        action=request.name,
    )


def _who(request: Request) -> str:
    return request.user or "somebody"


def _why(request: Request) -> str:
    return f": {request.reason}" if request.reason else ""


_VERBS: dict[Verb, Callable[[Situation, RolloutState, Request], Move]] = {
    Verb.APPROVE: _approve,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.PROMOTE: _promote,
    Verb.SKIP: _skip,
    Verb.ABORT: _abort,
    Verb.RETRY: _retry,
    Verb.UNDO: _undo,
}
