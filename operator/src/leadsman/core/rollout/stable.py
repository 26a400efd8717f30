"""Whether it is the stable revision that fails, and not the candidate."""

from datetime import timedelta

from leadsman.api.status import RolloutState
from leadsman.core.evidence.spec import ERROR_RATE
from leadsman.core.rollout.move import candidate_of
from leadsman.core.situation import Situation

_DOWN = timedelta(seconds=30)


def why_stable_fails(situation: Situation, state: RolloutState) -> str:
    """Why the stable revision is worse than a candidate that keeps the objective; empty while that is not shown."""
    candidate = candidate_of(state)
    since = candidate.stable_failing_since
    if since is not None and situation.now - since >= _DOWN:
        return f"stable revision {state.stable} has had no ready pod for {int(_DOWN.total_seconds())} s"
    for one in candidate.evidence.comparisons if candidate.evidence else ():
        excess = one.excess
        if one.name != ERROR_RATE or excess is None or not (excess.blames and excess.shared):
            continue
        if one.candidate.requests and one.candidate.events <= excess.bound * one.candidate.requests:
            return (
                f"stable revision {state.stable} exceeds the objective of {excess.bound:.4g} "
                f"({one.stable.events:,} of {one.stable.requests:,} requests failed), the candidate keeps it "
                f"({one.candidate.events:,} of {one.candidate.requests:,})"
            )
    return ""
