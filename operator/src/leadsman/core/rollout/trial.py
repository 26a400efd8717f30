"""What a candidate goes through once its pods are ready. Harm first, then time, then evidence and people's word."""

from datetime import timedelta

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.rolloutpolicy import OnBadStable, OnInconclusive
from leadsman.api.status import Asking, Candidate, Gate, Mode, Phase, RolloutState, Split
from leadsman.core.evidence import reset_promotion
from leadsman.core.hashing import short_hash
from leadsman.core.rollout.clock import elapsed, kept_clock, why_stopped
from leadsman.core.rollout.ends import promote, reject
from leadsman.core.rollout.exposure import candidate_weight, mirror, next_step
from leadsman.core.rollout.move import Move, candidate_of, changed, failed_checks, found, with_candidate
from leadsman.core.rollout.stable import why_stable_fails
from leadsman.core.rollout.steps import has_served_its_time, is_proved, step_of, was_asked
from leadsman.core.situation import Notice, Request, Situation


def go_on(situation: Situation, state: RolloutState, reservation: str = "", request: Request | None = None) -> Move:
    """The next step that the candidate owes, or its promotion. `reservation` says by what, if not by evidence."""
    following = next_step(situation.mode, state)
    if following is not None:
        return _enter_step(situation, state, following, reservation, request)
    return promote(situation, state, *_why_promoted(situation, state, reservation), request)


def _why_promoted(situation: Situation, state: RolloutState, reservation: str) -> tuple[Reason, str]:
    candidate = candidate_of(state)
    if candidate.forced:
        asked = ": ".join(filter(None, (f"{candidate.forced.by} asked for it", candidate.forced.message)))
        return Reason.PROMOTED, f"{asked}; {found(candidate.checks) or 'without evidence'}"
    if state.stable is None:
        return Reason.FIRST_REVISION, "it is the first revision and nothing can be compared with it"
    if situation.mode is Mode.SERVICE:
        return Reason.SWITCHED, "its pods are ready, and without a gateway traffic cannot be split"
    if candidate.returning:
        return Reason.RETURNED, "it was stable a moment ago and is still loaded"
    why = reservation or found(candidate.checks) or "people have approved it"
    return Reason.PROMOTED, f"all {len(candidate.policy.steps)} steps passed: {why}"


def on_trial(situation: Situation, state: RolloutState) -> Move:
    """One look at a candidate in its step."""
    if found_harm := harm(situation, state):
        return reject(situation, state, *found_harm)
    state, forced = _forced_by_policy(situation, state)
    if forced:
        return state, forced  # what it owes is another number of pods now
    state = kept_clock(situation, state)
    late = _too_late(situation, state)
    if late:
        return reject(situation, state, *late)
    if why_stopped(situation, state):
        return state, ()
    has_capacity = situation.readiness(candidate_of(state).revision).ready >= situation.replicas
    return _move(situation, state) if has_capacity else _inconclusive(situation, state, has_capacity=False)


def harm(situation: Situation, state: RolloutState) -> tuple[Reason, str] | None:
    """Why the candidate in its step has to be taken back at once, if it has."""
    candidate = candidate_of(state)
    readiness = situation.readiness(candidate.revision)
    if readiness.failure:
        return Reason.MODEL_FAILED, readiness.failure
    if readiness.ready == 0:
        return Reason.CANDIDATE_UNREADY, "none of its pods is ready any more"
    if situation.mode is Mode.SERVICE and (candidate_weight(state) or mirror(state)):
        return Reason.INCONCLUSIVE, "the gateway that split traffic is gone"
    failed = situation.judgement is not None and situation.judgement.verdict is Verdict.FAIL
    if failed and candidate.forced is None:
        return Reason.EVIDENCE_FAILED, failed_checks(candidate.checks)
    return None


def can_split_by_now(situation: Situation, state: RolloutState) -> bool:
    """Whether an approval is awaited for a switch, but the rollout could go by steps now: it is to be of those."""
    candidate = candidate_of(state)
    switches = candidate.gate is not None and not candidate.gate.splits
    return switches and situation.mode is Mode.GATEWAY and candidate.forced is None


def _too_late(situation: Situation, state: RolloutState) -> tuple[Reason, str] | None:
    """A route that is never accepted is no progress; waiting for people is not the candidate's fault."""
    candidate = candidate_of(state)
    since, limit = candidate.unsettled_since, candidate.policy.progress_deadline
    if since is not None and situation.now - since >= limit:
        return Reason.ROUTE_NOT_ACCEPTED, f"{situation.unsettled}; for {int(limit.total_seconds())} s"
    return None


def _move(situation: Situation, state: RolloutState) -> Move:
    """Everything that a step needs is there: does it pass?"""
    candidate = candidate_of(state)
    if state.phase is Phase.APPROVAL:
        enough = candidate.gate is not None and len(candidate.gate.approvals) >= candidate.gate.required
        over = elapsed(situation, candidate) >= step_of(candidate).min_duration
        return go_on(situation, state) if enough and over else _inconclusive(situation, state, has_capacity=True)
    if candidate.forced:
        return go_on(situation, state)
    if elapsed(situation, candidate) < step_of(candidate).min_duration:
        return state, ()
    if is_proved(candidate, situation.judgement):
        return go_on(situation, state)
    if has_served_its_time(candidate, situation.judgement):
        return go_on(situation, state, f"step {candidate.step + 1} passed by its time: {found(candidate.checks)}")
    return _inconclusive(situation, state, has_capacity=True)


def _inconclusive(situation: Situation, state: RolloutState, *, has_capacity: bool) -> Move:
    """What becomes of a step that could not pass, once its maxDuration is over."""
    candidate = candidate_of(state)
    if elapsed(situation, candidate) < step_of(candidate).max_duration:
        return state, ()
    message = f"step {candidate.step + 1} ended without {_lacking(candidate, has_capacity)}: {found(candidate.checks)}"
    choice = candidate.policy.on_inconclusive
    # No policy raises a weight in silence, nor without the pods for it, nor in place of people.
    blind = situation.judgement is None or situation.judgement.verdict is Verdict.BLIND
    may_rise = has_capacity and was_asked(candidate) and not blind and candidate.gate is None
    match OnInconclusive.HOLD if choice is OnInconclusive.PROMOTE and not may_rise else choice:
        case OnInconclusive.PROMOTE:
            return go_on(situation, state, message)
        case OnInconclusive.ROLLBACK:
            return reject(situation, state, Reason.INCONCLUSIVE, message)
        case OnInconclusive.HOLD:
            if candidate.overdue:
                return state, ()
            weight = candidate_weight(state)
            notice = Notice(candidate.revision, Reason.HELD, message, True, weight, weight, candidate.checks)
            return with_candidate(state, overdue=True), (notice,)


def _lacking(candidate: Candidate, has_capacity: bool) -> str:
    if not has_capacity:
        return "all of the candidate's pods ready"
    if candidate.gate:
        return f"{candidate.gate.required} approvals ({len(candidate.gate.approvals)} given)"
    return "enough evidence" if was_asked(candidate) else "a single request to the candidate"


def _enter_step(
    situation: Situation, state: RolloutState, index: int, reservation: str, request: Request | None
) -> Move:
    candidate = candidate_of(state)
    kept = mirror(state)
    entered = candidate.model_copy(
        update={
            "step": index,
            "step_started_at": situation.now,
            "clock_stopped_at": None,
            "unsettled_since": None,
            "route": None,
            "overdue": False,
            "gate": None,
            "split": Split(),
            "evidence": reset_promotion(candidate.evidence) if candidate.evidence else None,
        }
    )
    step = step_of(entered)
    if step.approval:
        gate = Gate(
            step=index,
            since=situation.now,
            evidence=_seen(state, entered, situation),
            required=step.approval.required,
            weight=candidate_weight(state),
            copies=kept.percent if kept else 0,
            splits=situation.mode is Mode.GATEWAY or state.stable is None,
        )
        entered = entered.model_copy(update={"gate": gate})
    phase = Phase.APPROVAL if step.approval else Phase.SHADOW if step.shadow else Phase.CANARY
    after = changed(state, phase=phase, candidate=entered)
    said = f"revision {candidate.revision} {_gets(after)} (step {index + 1} of {len(candidate.policy.steps)})"
    notice = Notice(
        revision=candidate.revision,
        reason=Reason.APPROVAL_AWAITED if step.approval else Reason.STEP_STARTED,
        message="; ".join(filter(None, (said, reservation))),
        weight_before=candidate_weight(state),
        weight_after=candidate_weight(after),
        checks=candidate.checks,
        by=request.user if request else "",
        action=request.name if request else "",
    )
    return after, (notice,)


def _gets(state: RolloutState) -> str:
    candidate, copies = candidate_of(state), mirror(state)
    if state.phase is Phase.APPROVAL:
        rules = step_of(candidate).approval
        of = f" of {', '.join(rules.groups)}" if rules and rules.groups else ""
        people = "one person" if rules is None or rules.required == 1 else f"{rules.required} people"
        return f"waits for the approval of {people}{of}"
    if copies:
        return f"answers a copy of {copies.percent} % of requests, unseen by users"
    return f"gets {candidate_weight(state)} % of requests"


def _seen(state: RolloutState, candidate: Candidate, situation: Situation) -> str:
    """Name what there is to be approved: this try of this revision at this step, with the evidence so far."""
    return short_hash(
        {
            "revision": candidate.revision,
            "stable": state.stable,
            "step": candidate.step,
            "decisions": state.decisions,
            "at": situation.now.isoformat(),
            "checks": [report.model_dump(mode="json") for report in candidate.checks],
        }
    )


def _forced_by_policy(situation: Situation, state: RolloutState) -> Move:
    """A stable revision that fails must not be in the way of its fix, where the policy says so."""
    candidate = candidate_of(state)
    if candidate.policy.on_bad_stable is not OnBadStable.PROMOTE or candidate.forced:
        return state, ()
    down = situation.readiness(state.stable).ready == 0 and state.stable is not None
    since = (candidate.stable_failing_since or situation.now) if down else None
    state = with_candidate(state, stable_failing_since=since)
    why = why_stable_fails(situation, state)
    if not why:
        return state, ()
    forced = Asking(by="policy", at=situation.now, message=f"{why} (onBadStable: Promote)")
    weight = candidate_weight(state)
    notice = Notice(
        revision=candidate.revision,
        reason=Reason.FORCED,
        message=f"revision {candidate.revision} owes no more evidence: {forced.message}",
        warning=True,
        weight_before=weight,
        weight_after=weight,
        checks=candidate.checks,
        by=forced.by,
    )
    return with_candidate(state, forced=forced), (notice,)


def deadline_passed(situation: Situation, candidate: Candidate) -> timedelta | None:
    """The policy's deadline for the whole rollout, if it is over."""
    limit = candidate.policy.deadline
    return limit if limit is not None and situation.now - candidate.started_at >= limit else None
