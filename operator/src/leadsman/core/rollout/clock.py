"""What time it is for a step, and when to look again."""

from datetime import datetime, timedelta

from leadsman.api.evidence import CheckReport
from leadsman.api.rolloutpolicy import OnSkew, RolloutPolicySpec
from leadsman.api.status import Candidate, Phase, RolloutState
from leadsman.core.rollout.disturbed import disturbance_of, noted, steady_in
from leadsman.core.rollout.exposure import TRIALS
from leadsman.core.rollout.move import candidate_of, with_candidate
from leadsman.core.rollout.skew import skew_of
from leadsman.core.rollout.watched import checks_of
from leadsman.core.situation import Situation

RESYNC = timedelta(minutes=5)
_WAITING = timedelta(seconds=10)
_MOST_OFTEN = timedelta(seconds=1)
# A share of the evidence that a rollback needs. Chance brings a tenth of it often, and that costs a few looks.
_SUSPICIOUS = 0.1


def elapsed(situation: Situation, candidate: Candidate) -> timedelta:
    """How long the step has lasted by its own clock."""
    return (candidate.clock_stopped_at or situation.now) - (candidate.step_started_at or situation.now)


def why_stopped(situation: Situation, state: RolloutState) -> str:
    """Why the step's clock stands, in one sentence; empty while it goes."""
    candidate = candidate_of(state)
    if state.paused:
        return f"paused by {state.paused.by}"
    if situation.unsettled:
        return situation.unsettled
    if candidate.forced:
        return ""
    heeded = candidate.policy.on_skew is OnSkew.HOLD
    return disturbance_of(candidate, situation.now) or (skew_of(state) if heeded else "")


def kept_clock(situation: Situation, state: RolloutState) -> RolloutState:
    """Stop the step's clock, or let it go on: what is not as the step wants it does not count towards it."""
    state = noted(situation, state)
    candidate = candidate_of(state)
    waits = bool(situation.unsettled) and state.paused is None
    if waits != (candidate.unsettled_since is not None):
        state = with_candidate(state, unsettled_since=situation.now if waits else None)
    if not why_stopped(situation, state):
        return started_again(state, situation.now)
    stopped_at = candidate.clock_stopped_at or situation.now
    # A step whose route has never been as decided has not begun, however long ago that was decided.
    never_began = situation.unsettled and candidate.route is None
    began = stopped_at if never_began else candidate.step_started_at
    return with_candidate(state, step_started_at=began, clock_stopped_at=stopped_at)


def started_again(state: RolloutState, now: datetime) -> RolloutState:
    """The state with the step's clock going, as if the time since it stopped had not been."""
    candidate = state.candidate
    if candidate is None or candidate.clock_stopped_at is None:
        return state
    stood = max(now - candidate.clock_stopped_at, timedelta(0))
    began = candidate.step_started_at + stood if candidate.step_started_at else None
    return with_candidate(state, clock_stopped_at=None, step_started_at=began)


def requeue_after(situation: Situation, state: RolloutState) -> timedelta:
    """When to look again at the latest."""
    match state.phase:
        case phase if phase in TRIALS:
            candidate = candidate_of(state)
            usual = _until_next_look(candidate.policy, candidate.checks)
            usual = min(usual, steady_in(candidate, situation.now) or usual)
        case Phase.WATCHING if state.watch and checks_of(state.watch):
            usual = _until_next_look(state.watch.policy, state.watch.checks)
        case Phase.PREFLIGHT:
            usual = _until_preflight_ends(situation, candidate_of(state))
        case Phase.PREPARING:
            usual = _WAITING
        case _:
            usual = RESYNC
    return min([usual, *(entry.until - situation.now for entry in state.retiring)])


def _until_preflight_ends(situation: Situation, candidate: Candidate) -> timedelta:
    """Before its Job does: the API server takes away what the Job's pods have said."""
    left = candidate.policy.preflight.deadline - (situation.now - candidate.started_at)
    return max(min(_WAITING, left), _MOST_OFTEN)


def _until_next_look(policy: RolloutPolicySpec, checks: tuple[CheckReport, ...]) -> timedelta:
    """Looking often costs no accuracy, so as soon as something speaks against the candidate, users need not wait."""
    suspicious = any(report.harm >= _SUSPICIOUS for report in checks)
    return _MOST_OFTEN if suspicious else max(policy.interval, _MOST_OFTEN)
