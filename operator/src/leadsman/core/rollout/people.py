"""What RolloutActions do to the machine. Each is decided on once; what cannot be done is refused with a sentence."""

from collections.abc import Callable
from datetime import timedelta

from leadsman.api.conditions import Reason
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import ApprovalRules
from leadsman.api.status import (
    MAX_ACTED,
    Acted,
    Asking,
    Candidate,
    GivenApproval,
    Phase,
    RolloutState,
)
from leadsman.core.rollout.asked import RefusedError, because, candidate_named, notice_of, subject_of, who_asks
from leadsman.core.rollout.clock import started_again
from leadsman.core.rollout.ends import reject
from leadsman.core.rollout.exposure import TRIALS
from leadsman.core.rollout.move import Move, changed, with_candidate
from leadsman.core.rollout.steps import step_of
from leadsman.core.rollout.trial import go_on, harm
from leadsman.core.rollout.undo import undo
from leadsman.core.situation import Notice, Request, Situation

# How long an answer is remembered that is written already: for longer than any list that is read may be old.
_REMEMBERED = timedelta(minutes=10)


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
                raise RefusedError("a step has begun in this very moment, and nobody has seen it: look again")
            state, said = _VERBS[request.verb](situation, state, request)
            accepted, message = True, said[0].message
        except RefusedError as refusal:
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
    candidate = candidate_named(state, request)
    gate, rules = candidate.gate, step_of(candidate).approval
    if gate is None or rules is None or state.phase is not Phase.APPROVAL:
        raise RefusedError(f"revision {candidate.revision} waits for no approval now")
    if request.evidence != gate.evidence:
        raise RefusedError(
            f"this approval is void: it speaks of evidence {request.evidence}, what waits to be approved is "
            f"{gate.evidence}; look again, then approve that"
        )
    if why := _may_not_approve(candidate, rules, request):
        raise RefusedError(why)
    if request.user in {given.user for given in gate.approvals}:
        raise RefusedError(f"{request.user} has approved this already; {gate.required} different people have to")
    if len(gate.approvals) >= gate.required:
        raise RefusedError(f"it has the {gate.required} approvals that it needs already")
    given = GivenApproval(user=request.user, at=situation.now, action=request.name)
    gate = gate.model_copy(update={"approvals": (*gate.approvals, given)})
    said = f"{request.user} approves revision {candidate.revision} ({len(gate.approvals)} of {gate.required})"
    return with_candidate(state, gate=gate), (notice_of(state, candidate.revision, Reason.APPROVED, said, request),)


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
        raise RefusedError(f"it is paused already, by {state.paused.by or 'somebody'}")
    if state.candidate and state.candidate.undoes:
        raise RefusedError(
            f"revision {state.candidate.revision} is on its way back, which waits for nobody: Abort ends it"
        )
    revision = subject_of(situation, state)
    said = f"paused by {who_asks(request)}: nothing gets more traffic until somebody resumes{because(request)}"
    after = changed(state, paused=Asking(by=who_asks(request), at=situation.now, message=request.reason))
    return after, (notice_of(state, revision, Reason.PAUSED, said, request),)


def _resume(situation: Situation, state: RolloutState, request: Request) -> Move:
    if not state.paused:
        raise RefusedError("it is not paused")
    said = f"resumed by {who_asks(request)}{because(request)}"
    after = started_again(changed(state, paused=None), situation.now)
    return after, (notice_of(state, subject_of(situation, state), Reason.RESUMED, said, request),)


def _promote(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate = candidate_named(state, request)
    if candidate.forced:
        raise RefusedError(f"{candidate.forced.by} has asked for that already")
    said = (
        f"revision {candidate.revision} owes no more evidence, only its pods and the approvals of its policy: "
        f"{who_asks(request)} asked for it{because(request)}"
    )
    forced = Asking(by=who_asks(request), at=situation.now, message=request.reason)
    notice = notice_of(state, candidate.revision, Reason.FORCED, said, request)
    return with_candidate(state, forced=forced), (notice,)


def _skip(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate = candidate_named(state, request)
    if state.phase is Phase.APPROVAL:
        raise RefusedError("nobody can skip an approval: approve it")
    if state.phase not in TRIALS:
        raise RefusedError(f"revision {candidate.revision} is in no step yet")
    if candidate.step != request.step:
        raise RefusedError(
            f"this is void: it speaks of step {(request.step or 0) + 1}, this is step {candidate.step + 1}"
        )
    if state.paused:
        raise RefusedError(f"it is paused by {state.paused.by}: resume first")
    if (ready := situation.readiness(candidate.revision).ready) < situation.replicas:
        raise RefusedError(
            f"{ready} of {situation.replicas} pods of revision {candidate.revision} are ready: wait for them"
        )
    if found := harm(situation, state):
        raise RefusedError(f"it is taken back: {found[1]}")
    return go_on(situation, state, f"{who_asks(request)} skipped step {candidate.step + 1}{because(request)}", request)


def _abort(situation: Situation, state: RolloutState, request: Request) -> Move:
    candidate_named(state, request)
    return reject(situation, state, Reason.ABORTED, f"{who_asks(request)} asked for it{because(request)}", request)


def _retry(_: Situation, state: RolloutState, request: Request) -> Move:
    rejected = state.rejected
    if rejected is None or rejected.revision != request.revision:
        raise RefusedError(f"revision {request.revision} is not one that was taken back")
    said = f"revision {rejected.revision} is tried again: {who_asks(request)} asked for it{because(request)}"
    after = changed(state, rejected=None, phase=Phase.IDLE)
    return after, (notice_of(state, rejected.revision, Reason.RETRIED, said, request),)


_VERBS: dict[Verb, Callable[[Situation, RolloutState, Request], Move]] = {
    Verb.APPROVE: _approve,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.PROMOTE: _promote,
    Verb.SKIP: _skip,
    Verb.ABORT: _abort,
    Verb.RETRY: _retry,
    Verb.UNDO: undo,
}
