"""Does the candidate exceed the objective by itself? Needed where stable has little traffic to compare with.

The evidence against "the rate is at most the objective" knows nothing of the other revision, so an outage of both
would be blamed on the candidate. It counts only as long as the stable revision's own evidence, from the same looks, is
small; once that was large, the cause is shared and the comparison of the two has to do alone.
"""

from math import inf, log

from leadsman.api.evidence import ArmTotals, Excess
from leadsman.core.evidence.processes import added, excessive_rates, mixture, rate_step

_SMALL = log(5)


def start(objective: float) -> Excess:
    """Return the evidence before any look."""
    nothing = (0.0,) * len(excessive_rates(objective))
    return Excess(bound=objective, candidate=nothing, stable=nothing)


def observe(excess: Excess, candidate: ArmTotals, stable: ArmTotals) -> Excess:
    """Add what one look brought."""
    rates = excessive_rates(excess.bound)
    after = Excess.model_construct(
        bound=excess.bound,
        candidate=added(excess.candidate, rate_step(candidate.requests, candidate.events, rates, excess.bound)),
        stable=added(excess.stable, rate_step(stable.requests, stable.events, rates, excess.bound)),
        shared=excess.shared,
    )
    return after if after.shared or not stable_exceeds(after) else after.model_copy(update={"shared": True})


def log_harm(excess: Excess, inflation: float) -> float:
    """Return the log of the evidence that the candidate alone exceeds the objective; none where the cause is shared."""
    return -inf if excess.shared else mixture(excess.candidate, inflation)


def stable_exceeds(excess: Excess) -> bool:
    """Whether the stable revision's own evidence is large at present."""
    return mixture(excess.stable, 1.0) >= _SMALL
