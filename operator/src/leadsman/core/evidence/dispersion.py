"""How clumped events are, measured from how neighbouring ticks differ.

Retries, sessions and one bad client make errors come together. The tests assume that requests fail independently;
without a correction, clumps of ten errors roll back half of all healthy candidates.

**Estimate.** Two neighbouring ticks of one revision with `n, n'` requests and `x, x'` events are a 2 x 2 table. Given
`k = x + x'` and independent events, `E (x n' - x' n)^2 / (n n') = k (N - k) / (N - 1)` with `N = n + n'`, exactly. The
quotient of the two sides, summed over ticks, is the variance inflation. Neighbours are compared, not each tick with
the mean of all: a slow cycle or an outage of both revisions, which the stratified test cancels anyway, would otherwise
pass for clumps and blunt the test.

**Whose.** The stable revision's events are the measure. The candidate's count as well, but ever less as the stable
revision shows events: until that has failed once, they are the only warning of clumps there is, but a candidate that
breaks down in the middle of a rollout looks clumped in that one tick.

**Correction.** Evidence `E` is used as `E^(1/phi)` with `phi >= 1`, for all ticks with the phi of the moment. For
independent events this never weakens the guarantee, whatever phi depends on: where `E^(1/phi)` reaches a bound above
1, `E` itself does. (So phi needs not be predictable, as it would if every tick were tempered with its own.) For
clumped events it is the usual quasi-likelihood correction, and simulation shows the guarantee to hold.
"""

from leadsman.api.evidence import ArmTotals, Comparison, Dispersion

_PRIOR_EVENTS = 4.0
_HARM_PRIOR, _HARM_CAUTION = 2.0, 1.2


def observe(dispersion: Dispersion, tick: ArmTotals) -> Dispersion:
    """Add one tick of the revision; one without requests is skipped."""
    if not tick.requests:
        return dispersion
    observed, expected = _neighbours(dispersion.last, tick) if dispersion.last.requests else (0.0, 0.0)
    return Dispersion.model_construct(
        observed=dispersion.observed + observed, expected=dispersion.expected + expected, last=tick
    )


def harm_inflation(comparison: Comparison) -> float:
    """Return phi for evidence of harm, at least 1.

    A rollback is hard to take back, so the estimate is raised by a fifth, and clumps of two are assumed until a few
    events have shown better. Without that, the first clump of a rollout could decide it.
    """
    return max(1.0, _HARM_CAUTION * _estimate(comparison, _HARM_PRIOR))


def promotion_inflation(comparison: Comparison) -> float:
    """Return phi for promotion evidence, at least 1. Independence is assumed until a few events have shown worse."""
    return max(1.0, _estimate(comparison, prior=1.0))


def _estimate(comparison: Comparison, prior: float) -> float:
    stable, candidate = comparison.stable_dispersion, comparison.candidate_dispersion
    share = _PRIOR_EVENTS / (_PRIOR_EVENTS + stable.expected)
    observed = stable.observed + share * candidate.observed
    expected = stable.expected + share * candidate.expected
    return (observed + _PRIOR_EVENTS * prior) / (expected + _PRIOR_EVENTS)


def _neighbours(last: ArmTotals, this: ArmTotals) -> tuple[float, float]:
    """Return the squared difference of two ticks, and what it would be in the mean if events were independent."""
    events, requests = last.events + this.events, last.requests + this.requests
    difference = last.events * this.requests - this.events * last.requests
    return (
        difference * difference / (last.requests * this.requests),
        events * (requests - events) / (requests - 1),
    )
