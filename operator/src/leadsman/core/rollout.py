"""The rollout machine: `step` takes the state and the situation, and says what is to be so next.

    Idle --a revision is desired--> Preflight --passed--> Preparing --its pods are ready--> Shadow, Canary (steps)
                                        |                     |                                |         |
                                        +----- rejected ------+--------------------------------+         +--> Idle
                                        +--> RolledBack --another is desired--> ...

In Preflight a Job holds the revision to its word, and there is no pod of it that could serve. In Shadow the candidate
gets copies of requests, all of which stable answers; in Canary it answers its own share.

A first revision has nothing to be compared with, a cluster without a gateway cannot split, and a revision that was
stable a moment ago has proved itself: those three go from Preparing straight to Idle. A spec that changes on the way
supersedes the candidate, whose weight is 0 before the next one starts, always against the last stable revision.
"""

from datetime import datetime, timedelta

from leadsman.api.conditions import Reason
from leadsman.api.evidence import CheckReport, Verdict
from leadsman.api.rolloutpolicy import OnInconclusive
from leadsman.api.status import MAX_RETIRING, Candidate, Mode, Phase, Rejection, Retiring, RolloutState
from leadsman.core.evidence import reset_promotion
from leadsman.core.situation import Decision, Mirror, Notice, Situation
from leadsman.core.steps import has_served_its_time, is_proved, step_of, was_asked

# A revision that lost its traffic keeps its pods this long: the gateway may still send, and requests may be under way.
DRAIN = timedelta(seconds=30)
RESYNC = timedelta(minutes=5)
_WAITING = timedelta(seconds=10)
_MOST_OFTEN = timedelta(seconds=1)
# A share of the evidence that a rollback needs. Chance brings a tenth of it often, and that costs a few looks.
_SUSPICIOUS = 0.1
_MESSAGE_LENGTH = 4096
_TRIALS = (Phase.SHADOW, Phase.CANARY)


Move = tuple[RolloutState, tuple[Notice, ...]]


def step(situation: Situation, state: RolloutState) -> Decision:
    """Advance the machine as far as the situation allows.

    The judgement must be of the very state that is given: a Pass that a step has used up is none for the next step.
    """
    state = _retire(situation, state)
    state, notices = _leave(situation, state)
    if situation.desired == state.stable:
        state = _with(state, phase=Phase.IDLE)
    elif state.rejected is None:
        if state.candidate is None:
            state, begun = _begin(situation, state)
            notices += begun
        if state.phase is Phase.PREFLIGHT:
            state, checked = _check(situation, state)
            notices += checked
        if state.candidate is not None and state.phase is not Phase.PREFLIGHT:
            state, moved = (_try if state.phase in _TRIALS else _prepare)(situation, state)
            notices += moved
    return Decision(
        state=_with(state, decisions=state.decisions + len(notices)),
        weights=weights(state),
        mirror=mirror(state),
        notices=notices,
        requeue_after=_requeue_after(situation, state),
    )


def weights(state: RolloutState) -> dict[str, int]:
    """Each revision's percent of requests; they sum to 100, or there is nothing to serve yet."""
    if state.stable is None:
        return {}
    share = candidate_weight(state)
    if state.candidate is None or share == 0:
        return {state.stable: 100}
    return {state.stable: 100 - share, state.candidate.revision: share}


def candidate_weight(state: RolloutState) -> int:
    """The candidate's percent of requests."""
    if state.candidate is None or state.phase is not Phase.CANARY:
        return 0
    return step_of(state.candidate).weight or 0


def mirror(state: RolloutState) -> Mirror | None:
    """Who gets copies of which share of requests; None outside of a shadow step."""
    if state.candidate is None or state.phase is not Phase.SHADOW:
        return None
    shadow = step_of(state.candidate).shadow
    return Mirror(state.candidate.revision, shadow.percent) if shadow else None


def running(state: RolloutState) -> tuple[str, ...]:
    """The revisions whose pods are to run, stable first; a candidate has none before it has passed its preflight."""
    candidate = state.candidate.revision if state.candidate and state.phase is not Phase.PREFLIGHT else None
    named = (state.stable, candidate, *(entry.revision for entry in state.retiring))
    return tuple(dict.fromkeys(revision for revision in named if revision))


def _retire(situation: Situation, state: RolloutState) -> RolloutState:
    kept = tuple(entry for entry in state.retiring if situation.now < entry.until)
    return _with(state, retiring=kept)


def _leave(situation: Situation, state: RolloutState) -> Move:
    """Let go of what the spec no longer names: an old rejection is forgotten, an old candidate superseded."""
    if state.rejected and state.rejected.revision != situation.desired:
        state = _with(state, rejected=None, phase=Phase.IDLE)
    if state.candidate is None or state.candidate.revision == situation.desired:
        return state, ()
    candidate = state.candidate.revision
    notice = Notice(
        revision=candidate,
        reason=Reason.SUPERSEDED,
        message=f"revision {candidate} is superseded: the spec now names {situation.desired}",
        weight_before=candidate_weight(state),
        checks=state.candidate.checks,
    )
    return _with(state, phase=Phase.IDLE, candidate=None, retiring=_draining(situation, state, candidate)), (notice,)


def _begin(situation: Situation, state: RolloutState) -> Move:
    if situation.policy is None:
        return _with(state, phase=Phase.IDLE), ()
    desired = situation.desired
    candidate = Candidate(
        revision=desired,
        started_at=situation.now,
        returning=any(entry.revision == desired and entry.warm for entry in state.retiring),
        policy=situation.policy,
    )
    against = f"against stable {state.stable}" if state.stable else "the first of this model"
    notice = Notice(
        revision=desired, reason=Reason.ROLLOUT_STARTED, message=f"revision {desired} is prepared, {against}"
    )
    return _with(state, phase=Phase.PREFLIGHT, candidate=candidate), (notice,)


def _check(situation: Situation, state: RolloutState) -> Move:
    """No pod of the candidate starts before it has passed; those of an earlier try drain meanwhile."""
    candidate, preflight = _candidate(state), situation.preflight
    if candidate.returning or preflight is None or preflight.passed:
        prepared = candidate.model_copy(update={"prepared_at": situation.now})
        retiring = tuple(entry for entry in state.retiring if entry.revision != candidate.revision)
        return _with(state, phase=Phase.PREPARING, candidate=prepared, retiring=retiring), ()
    if preflight.passed is False:
        return _reject(situation, state, Reason.PREFLIGHT_FAILED, preflight.message)
    if situation.now - candidate.started_at >= candidate.policy.preflight.deadline:
        waited = f"it had not ended after {int((situation.now - candidate.started_at).total_seconds())} s"
        why = ": ".join(filter(None, (waited, preflight.message)))
        return _reject(situation, state, Reason.PREFLIGHT_FAILED, why)
    return state, ()


def _prepare(situation: Situation, state: RolloutState) -> Move:
    """Capacity first: wait for the candidate's pods, then let it in."""
    candidate = _candidate(state)
    readiness = situation.readiness(candidate.revision)
    if readiness.failure:
        return _reject(situation, state, Reason.MODEL_FAILED, readiness.failure)
    if readiness.ready >= situation.replicas:
        return _admit(situation, state)
    deadline = candidate.policy.progress_deadline
    if situation.now - (candidate.prepared_at or candidate.started_at) >= deadline:
        waited = f"{readiness.ready} of {situation.replicas} pods were ready after {int(deadline.total_seconds())} s"
        return _reject(situation, state, Reason.PROGRESS_DEADLINE_EXCEEDED, waited)
    return state, ()


def _admit(situation: Situation, state: RolloutState) -> Move:
    candidate = _candidate(state)
    if state.stable is None:
        return _promote(
            situation, state, Reason.FIRST_REVISION, "it is the first revision and nothing can be compared with it"
        )
    if situation.mode is Mode.SERVICE:
        return _promote(
            situation, state, Reason.SWITCHED, "its pods are ready, and without a gateway traffic cannot be split"
        )
    if candidate.returning:
        return _promote(situation, state, Reason.RETURNED, "it was stable a moment ago and is still loaded")
    return _enter_step(situation, state, 0)


def _try(situation: Situation, state: RolloutState) -> Move:
    """Harm first, then time, then evidence; what is not proved holds."""
    candidate = _candidate(state)
    readiness = situation.readiness(candidate.revision)
    if readiness.failure:
        return _reject(situation, state, Reason.MODEL_FAILED, readiness.failure)
    if readiness.ready == 0:
        return _reject(situation, state, Reason.CANDIDATE_UNREADY, "none of its pods is ready any more")
    if situation.mode is Mode.SERVICE:
        return _reject(situation, state, Reason.INCONCLUSIVE, "the gateway that split traffic is gone")
    if situation.judgement and situation.judgement.verdict is Verdict.FAIL:
        return _reject(situation, state, Reason.EVIDENCE_FAILED, _failed_checks(candidate.checks))
    if _elapsed(situation, candidate) < step_of(candidate).min_duration:
        return state, ()
    has_capacity = readiness.ready >= situation.replicas
    if has_capacity and is_proved(candidate, situation.judgement):
        return _advance(situation, state)
    if has_capacity and has_served_its_time(candidate, situation.judgement):
        return _advance(situation, state, f"step {candidate.step + 1} passed by its time: {_found(candidate.checks)}")
    if _elapsed(situation, candidate) >= step_of(candidate).max_duration:
        return _inconclusive(situation, state, has_capacity)
    return state, ()


def _inconclusive(situation: Situation, state: RolloutState, has_capacity: bool) -> Move:
    candidate = _candidate(state)
    shown = "enough evidence" if was_asked(candidate) else "a single request to the candidate"
    lacking = shown if has_capacity else "all of the candidate's pods ready"
    message = f"step {candidate.step + 1} ended without {lacking}: {_found(candidate.checks)}"
    choice = candidate.policy.on_inconclusive
    # No policy raises a weight in silence, nor without the pods for it.
    blind = situation.judgement is None or situation.judgement.verdict is Verdict.BLIND
    may_rise = has_capacity and was_asked(candidate) and not blind
    match OnInconclusive.HOLD if choice is OnInconclusive.PROMOTE and not may_rise else choice:
        case OnInconclusive.PROMOTE:
            return _advance(situation, state, message)
        case OnInconclusive.ROLLBACK:
            return _reject(situation, state, Reason.INCONCLUSIVE, message)
        case OnInconclusive.HOLD:
            if candidate.overdue:
                return state, ()
            weight = candidate_weight(state)
            notice = Notice(candidate.revision, Reason.HELD, message, True, weight, weight, candidate.checks)
            return _with(state, candidate=candidate.model_copy(update={"overdue": True})), (notice,)


def _advance(situation: Situation, state: RolloutState, reservation: str = "") -> Move:
    """The next step, or the end of the last. `reservation` says by what the step passed, if not by evidence."""
    candidate = _candidate(state)
    if candidate.step + 1 == len(candidate.policy.steps):
        why = reservation or _found(candidate.checks)
        return _promote(situation, state, Reason.PROMOTED, f"all {candidate.step + 1} steps passed: {why}")
    return _enter_step(situation, state, candidate.step + 1, reservation)


def _enter_step(situation: Situation, state: RolloutState, index: int, reservation: str = "") -> Move:
    candidate = _candidate(state)
    entered = candidate.model_copy(
        update={
            "step": index,
            "step_started_at": situation.now,
            "overdue": False,
            "evidence": reset_promotion(candidate.evidence) if candidate.evidence else None,
        }
    )
    after = _with(state, phase=Phase.SHADOW if step_of(entered).shadow else Phase.CANARY, candidate=entered)
    copies, weight = mirror(after), candidate_weight(after)
    gets = (
        f"answers a copy of {copies.percent} % of requests, unseen by users"
        if copies
        else f"gets {weight} % of requests"
    )
    number = f"step {index + 1} of {len(candidate.policy.steps)}"
    notice = Notice(
        revision=candidate.revision,
        reason=Reason.STEP_STARTED,
        message="; ".join(filter(None, (f"revision {candidate.revision} {gets} ({number})", reservation))),
        weight_before=candidate_weight(state),
        weight_after=weight,
        checks=candidate.checks,
    )
    return after, (notice,)


def _promote(situation: Situation, state: RolloutState, reason: Reason, why: str) -> Move:
    candidate = _candidate(state)
    retiring = state.retiring
    if state.stable:
        until = situation.now + max(candidate.policy.keep_warm, DRAIN)
        retiring = _retiring(state, state.stable, until, warm=True)
    notice = Notice(
        revision=candidate.revision,
        reason=reason,
        message=f"revision {candidate.revision} is stable: {why}",
        weight_before=candidate_weight(state),
        weight_after=100,
        checks=candidate.checks,
    )
    return _with(state, phase=Phase.IDLE, stable=candidate.revision, candidate=None, retiring=retiring), (notice,)


def _reject(situation: Situation, state: RolloutState, reason: Reason, why: str) -> Move:
    candidate = _candidate(state)
    early = state.phase is Phase.PREFLIGHT
    why = why[:_MESSAGE_LENGTH]  # nothing that a pod says may be too long to be rolled back for
    rejection = Rejection(revision=candidate.revision, at=situation.now, reason=reason, message=why)
    notice = Notice(
        revision=candidate.revision,
        reason=reason,
        message=f"revision {candidate.revision} is {'rejected by its preflight' if early else 'rolled back'}: {why}",
        warning=True,
        weight_before=candidate_weight(state),
        checks=candidate.checks,
    )
    retiring = _draining(situation, state, candidate.revision)
    return _with(state, phase=Phase.ROLLED_BACK, candidate=None, rejected=rejection, retiring=retiring), (notice,)


def _requeue_after(situation: Situation, state: RolloutState) -> timedelta:
    match state.phase:
        case phase if phase in _TRIALS:
            usual = _until_next_look(_candidate(state))
        case Phase.PREFLIGHT:
            usual = _until_preflight_ends(situation, _candidate(state))
        case Phase.PREPARING:
            usual = _WAITING
        case _:
            usual = RESYNC
    return min([usual, *(entry.until - situation.now for entry in state.retiring)])


def _until_preflight_ends(situation: Situation, candidate: Candidate) -> timedelta:
    """Before its Job does: the API server takes away what the Job's pods have said."""
    left = candidate.policy.preflight.deadline - (situation.now - candidate.started_at)
    return max(min(_WAITING, left), _MOST_OFTEN)


def _until_next_look(candidate: Candidate) -> timedelta:
    """Looking often costs no accuracy, so as soon as something speaks against the candidate, users need not wait."""
    suspicious = any(report.harm >= _SUSPICIOUS for report in candidate.checks)
    return _MOST_OFTEN if suspicious else max(candidate.policy.interval, _MOST_OFTEN)


def _retiring(state: RolloutState, revision: str, until: datetime, *, warm: bool = False) -> tuple[Retiring, ...]:
    others = [entry for entry in state.retiring if entry.revision != revision]
    return (*others, Retiring(revision=revision, until=until, warm=warm))[-MAX_RETIRING:]


def _draining(situation: Situation, state: RolloutState, candidate: str) -> tuple[Retiring, ...]:
    """What retires when the candidate goes: it too, unless this try of it never had a pod."""
    if state.phase is Phase.PREFLIGHT:
        return state.retiring
    return _retiring(state, candidate, situation.now + DRAIN)


def _found(checks: tuple[CheckReport, ...]) -> str:
    return "; ".join(report.message for report in checks)


def _failed_checks(checks: tuple[CheckReport, ...]) -> str:
    return (
        "; ".join(report.message for report in checks if report.verdict is Verdict.FAIL) or "the checks together failed"
    )


def _candidate(state: RolloutState) -> Candidate:
    if state.candidate is None:
        raise ValueError("the machine is in a phase that has a candidate, but the state names none")
    return state.candidate


def _elapsed(situation: Situation, candidate: Candidate) -> timedelta:
    return situation.now - (candidate.step_started_at or situation.now)


def _with(state: RolloutState, **changes: object) -> RolloutState:
    return state.model_copy(update=changes)
