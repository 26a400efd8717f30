"""A split that was as decided and then was not: what somebody resets again and again may look right in between.

So time counts, and a step may pass, only once every look for a while has found it as decided.
"""

from datetime import datetime, timedelta

from leadsman.api.status import Candidate, RolloutState, RouteSeen
from leadsman.core.rollout.move import candidate_of, with_candidate
from leadsman.core.situation import Situation

_STEADY = timedelta(seconds=10)
_MESSAGE = 1024


def noted(situation: Situation, state: RolloutState) -> RolloutState:
    """The state with what this look says of the route; `unsettled_since` is still that of the last one."""
    candidate, now = candidate_of(state), situation.now
    seen = candidate.route
    if seen is None:
        # What the step has decided can be seen from its second look on.
        settled = not situation.unsettled and candidate.step_started_at is not None and now > candidate.step_started_at
        return with_candidate(state, route=RouteSeen(at=now)) if settled else state
    if not situation.unsettled or state.paused:
        return state
    is_new = candidate.unsettled_since is None
    return with_candidate(
        state, route=RouteSeen(at=now, changed=situation.unsettled[:_MESSAGE] if is_new else seen.changed)
    )


def steady_in(candidate: Candidate, now: datetime) -> timedelta | None:
    """How long it takes until the route has been as decided for long enough; None when it has."""
    seen = candidate.route
    if seen is None or not seen.changed or now - seen.at >= _STEADY:
        return None
    return seen.at + _STEADY - now


def disturbance_of(candidate: Candidate, now: datetime) -> str:
    """How the route was last found changed, in one sentence; empty when it was not, or long enough ago."""
    if candidate.route is None or steady_in(candidate, now) is None:
        return ""
    seconds = int(_STEADY.total_seconds())
    return (
        f"{candidate.route.changed}; it was as decided before, so the step waits until it has been so for {seconds} s"
    )
