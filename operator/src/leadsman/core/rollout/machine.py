"""The diagram of the machine.

    Idle --a revision is desired--> Preflight --passed--> Preparing --its pods are ready--> Shadow, Canary, Approval
     ^                                  |                     |                             (steps) |         |
     |                                  +----- rejected ------+-------------------------------------+         |
     |                                  +--> RolledBack --another is desired, or somebody retries--> ...      |
     +-----keepWarm is over-------- Watching <------------------------promoted--------------------------------+
                                        +-- harm is shown: the previous revision serves again --> RolledBack

In Preflight a Job holds the revision to its word, and there is no pod of it that could serve. In Shadow the candidate
gets copies of requests, all of which stable answers; in Canary it answers its own share; in Approval it keeps what it
has until people agree. In Watching the promoted revision answers all, and its predecessor is still loaded.

A first revision has nothing to be compared with, a cluster without a gateway cannot split, and evidence may be waived
on record: those owe the policy's approvals alone. A revision that was stable before owes nothing. A spec that changes
on the way supersedes the candidate, whose weight is 0 before the next one starts, always against the last stable one.
"""

from leadsman.api.conditions import Reason
from leadsman.api.status import Candidate, Phase, RolloutState
from leadsman.core.rollout.clock import requeue_after
from leadsman.core.rollout.ends import DRAIN, draining, reject, undone
from leadsman.core.rollout.exposure import TRIALS, candidate_weight, mirror, weights
from leadsman.core.rollout.move import Move, candidate_of, changed, with_candidate
from leadsman.core.rollout.people import answer
from leadsman.core.rollout.trial import can_split_by_now, deadline_passed, go_on, on_trial
from leadsman.core.rollout.watching import watch_on
from leadsman.core.situation import Decision, Notice, Situation

# Those that lost their requests first: a gateway that takes no routes knows none of those that came and went since.
_KEPT_FOR_GATEWAYS = 3


def step(situation: Situation, state: RolloutState) -> Decision:
    """Advance the machine as far as the situation allows.

    The judgement must be of the very state that is given: a Pass that a step has used up is none for the next step.
    """
    before = state
    state = _retire(situation, state)
    state, notices = _leave(situation, state)
    state, told = watch_on(situation, state)
    notices += told
    state, told = answer(situation, state, len(notices))
    notices += told
    # One step a look: the evidence of one that people have moved on has still to be gathered.
    for move in (_begin, _check) if _entered(told) else (_begin, _check, _go):
        state, told = move(situation, state)
        notices += told
    return Decision(
        state=changed(state, decisions=before.decisions + len(notices)),
        weights=weights(state),
        mirror=mirror(state),
        notices=notices,
        requeue_after=requeue_after(situation, state),
    )


def _retire(situation: Situation, state: RolloutState) -> RolloutState:
    """Let go of pods that nothing is sent to any more: their time goes once the gateways have taken the route."""
    drained = situation.now + DRAIN
    late = [entry.revision for entry in state.retiring if entry.until < drained] if situation.lags else []
    retiring = tuple(
        entry.model_copy(update={"until": drained}) if entry.revision in late[:_KEPT_FOR_GATEWAYS] else entry
        for entry in state.retiring
    )
    return changed(state, retiring=tuple(entry for entry in retiring if situation.now < entry.until))


def _leave(situation: Situation, state: RolloutState) -> Move:
    """Let go of what the spec no longer names: an old rejection is forgotten, an old candidate superseded."""
    if state.rejected and state.rejected.revision != situation.desired:
        # It was not wanted, so what it was once does not bring it back: it owes a trial like any other.
        gone = state.rejected.revision
        cold = [one.model_copy(update={"warm": one.warm and one.revision != gone}) for one in state.retiring]
        state = changed(state, rejected=None, phase=Phase.IDLE, retiring=tuple(cold))
    candidate = state.candidate
    if candidate is None or candidate.wanted == situation.desired:
        return state, ()
    if candidate.undoes and candidate.revision == situation.desired:
        return with_candidate(state, undoes=None), ()  # what somebody asked for, the spec now names
    notice = Notice(
        revision=candidate.revision,
        reason=Reason.SUPERSEDED,
        message=f"revision {candidate.revision} is superseded: the spec now names {situation.desired}",
        weight_before=candidate_weight(state),
        checks=candidate.checks,
    )
    retiring = draining(situation, state)
    return changed(state, phase=Phase.IDLE, candidate=None, retiring=retiring), (notice,)


def _begin(situation: Situation, state: RolloutState) -> Move:
    if state.candidate or state.rejected:
        return state, ()
    if situation.desired == state.stable or situation.policy is None:
        return changed(state, phase=Phase.WATCHING if state.watch else Phase.IDLE), ()
    desired = situation.desired
    candidate = Candidate(
        revision=desired,
        started_at=situation.now,
        returning=any(entry.revision == desired and entry.warm for entry in state.retiring),
        author=situation.author,
        policy=situation.policy,
    )
    against = f"against stable {state.stable}" if state.stable else "the first of this model"
    notice = Notice(
        revision=desired, reason=Reason.ROLLOUT_STARTED, message=f"revision {desired} is prepared, {against}"
    )
    return changed(state, phase=Phase.PREFLIGHT, candidate=candidate), (notice,)


def _check(situation: Situation, state: RolloutState) -> Move:
    """No pod of the candidate starts before it has passed; those of an earlier try drain meanwhile."""
    if state.phase is not Phase.PREFLIGHT:
        return state, ()
    candidate, preflight = candidate_of(state), situation.preflight
    if candidate.returning or preflight is None or preflight.passed:
        retiring = tuple(entry for entry in state.retiring if entry.revision != candidate.revision)
        state = with_candidate(state, prepared_at=situation.now)
        return changed(state, phase=Phase.PREPARING, retiring=retiring), ()
    if preflight.passed is False:
        return reject(situation, state, Reason.PREFLIGHT_FAILED, preflight.message)
    if situation.now - candidate.started_at >= candidate.policy.preflight.deadline:
        waited = f"it had not ended after {int((situation.now - candidate.started_at).total_seconds())} s"
        why = ": ".join(filter(None, (waited, preflight.message)))
        return reject(situation, state, Reason.PREFLIGHT_FAILED, why)
    return state, ()


def _go(situation: Situation, state: RolloutState) -> Move:
    """The candidate is prepared, or is in a step."""
    candidate = state.candidate
    if candidate is None or state.phase is Phase.PREFLIGHT:
        return state, ()
    limit = deadline_passed(situation, candidate)
    if limit and not candidate.undoes:
        why = f"the rollout was not over after {int(limit.total_seconds())} s"
        return reject(situation, state, Reason.DEADLINE_EXCEEDED, why)
    if can_split_by_now(situation, state):
        state = with_candidate(changed(state, phase=Phase.PREPARING), step=0, gate=None)
    return on_trial(situation, state) if state.phase in TRIALS else _prepare(situation, state)


def _prepare(situation: Situation, state: RolloutState) -> Move:
    """Capacity first: wait for the candidate's pods, then let it in."""
    candidate = candidate_of(state)
    readiness = situation.readiness(candidate.revision)
    if readiness.failure:
        return reject(situation, state, Reason.MODEL_FAILED, readiness.failure)
    if readiness.ready >= situation.replicas:
        if candidate.undoes:
            return undone(situation, state)
        return (state, ()) if state.paused else go_on(situation, state)
    deadline = candidate.policy.progress_deadline
    if situation.now - (candidate.prepared_at or candidate.started_at) >= deadline:
        waited = f"{readiness.ready} of {situation.replicas} pods were ready after {int(deadline.total_seconds())} s"
        return reject(situation, state, Reason.PROGRESS_DEADLINE_EXCEEDED, waited)
    return state, ()


def _entered(notices: tuple[Notice, ...]) -> bool:
    return any(notice.reason in (Reason.STEP_STARTED, Reason.APPROVAL_AWAITED) for notice in notices)
