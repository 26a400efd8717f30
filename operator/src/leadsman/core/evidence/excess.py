"""Does the candidate exceed the objective by itself? Needed where stable has little traffic to compare with.

The evidence against "the rate is at most the objective" knows nothing of the other revision, so an outage of both
would be blamed on the candidate. It counts only as long as the stable revision's own evidence, from the same looks, is
small; once that was large, the cause is shared and the comparison of the two has to do alone. So it is from the start
where the stable revision's past is clearly above the objective: with as much traffic as the candidate, its own evidence
would often come too late.

A candidate that is no worse than stable may pass, but not while stable is in trouble: then nothing is learnt of either.
Trouble is a share of errors in about the last minute above the objective, or, where there is none, above both what the
policy tolerates and twice what the stable revision used to have.
"""

from math import exp, inf, log

from leadsman.api.evidence import ArmTotals, Excess
from leadsman.core.evidence.processes import LEAST_RATE, added, excessive_rates, mixture, rate_step

_SMALL = log(5)
_RECENT_SECONDS = 60.0
_FEW_EVENTS = 3.0
_TIMES_USUAL = 2.0
_CLEARLY_MORE = 1.5
_MOST = 0.9
# Until its first answer stable would pass for silent, and an outage of both for the candidate's alone. As though it had
# just answered these, it does only after 66 seconds without any.
_FIRST_ANSWERS = 3.0


def start(objective: float | None, tolerated: float, past: ArmTotals) -> Excess:
    """Return the evidence before any look. `past` is what the stable revision answered before, and its errors."""
    usual = past.events / past.requests if past.events >= _FEW_EVENTS else 0.0
    bound = min(_MOST, max(tolerated, _TIMES_USUAL * usual)) if objective is None else max(LEAST_RATE, objective)
    nothing = (0.0,) * len(excessive_rates(bound))
    blames = objective is not None
    shared = blames and usual > _CLEARLY_MORE * bound
    return Excess(
        bound=bound,
        blames=blames,
        candidate=nothing,
        stable=nothing,
        shared=shared,
        recent_requests=_FIRST_ANSWERS if blames else 0.0,
    )


def observe(excess: Excess, candidate: ArmTotals, stable: ArmTotals, seconds: float) -> Excess:
    """Add what one look brought, `seconds` after the last."""
    rates = excessive_rates(excess.bound)
    fading = exp(-max(0.0, seconds) / _RECENT_SECONDS)
    own = added(excess.stable, rate_step(stable.requests, stable.events, rates, excess.bound))
    return Excess.model_construct(
        bound=excess.bound,
        blames=excess.blames,
        candidate=added(excess.candidate, rate_step(candidate.requests, candidate.events, rates, excess.bound)),
        stable=own,
        shared=excess.shared or mixture(own, 1.0) >= _SMALL,
        recent_requests=excess.recent_requests * fading + stable.requests,
        recent_events=excess.recent_events * fading + stable.events,
    )


def log_harm(excess: Excess, inflation: float) -> float:
    """Return the log of the evidence that the candidate alone exceeds the objective; none where the cause is shared."""
    return -inf if excess.shared else mixture(excess.candidate, inflation)


def stable_answers(excess: Excess) -> bool:
    """Whether the stable revision has answered anything of late that the candidate can be compared with."""
    return excess.recent_requests >= 1


def stable_in_trouble(excess: Excess) -> bool:
    """Whether the stable revision fails too often at present."""
    return excess.recent_events >= max(_FEW_EVENTS, excess.bound * excess.recent_requests)
