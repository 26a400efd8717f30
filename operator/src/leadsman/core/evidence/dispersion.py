"""How clumped events are, measured from how neighbouring ticks differ.

Retries, sessions and one bad client make errors come together. The tests assume that requests fail independently;
without a correction, clumps of ten errors roll back half of all healthy candidates.

**Estimate.** Two neighbouring ticks of one revision with `n, n'` requests and `x, x'` events are a 2 x 2 table. Given
`k = x + x'` and independent events, `E (x n' - x' n)^2 / (n n') = k (N - k) / (N - 1)` with `N = n + n'`, exactly. The
quotient of the two sides, summed over ticks, is the variance inflation. Neighbours are compared, not each tick with
the mean of all: a slow cycle or an outage of both revisions, which the stratified test cancels anyway, would otherwise
pass for clumps and blunt the test. Both revisions count; the candidate's own clumps are the only warning there is as
long as the stable revision has not failed once, and steady harm, be it 100 %, does not inflate the quotient.

**Correction.** Evidence `E` is used as `E^(1/phi)` with `phi >= 1`, for all ticks with the phi of the moment. For
independent events this never weakens the guarantee, whatever phi depends on: where `E^(1/phi)` reaches a bound above
1, `E` itself does. (So phi needs not be predictable, as it would if every tick were tempered with its own.) For
clumped events it is the usual quasi-likelihood correction, and simulation shows the guarantee to hold.
"""

from leadsman.api.evidence import ArmTotals, Dispersion

_PRIOR_EVENTS = 4.0
_HARM_PRIOR, _HARM_CAUTION = 2.0, 1.2


def observe(dispersion: Dispersion, candidate: ArmTotals, stable: ArmTotals) -> Dispersion:
    """Add one tick of both revisions."""
    observed, expected = dispersion.observed, dispersion.expected
    for last, this in ((dispersion.last_candidate, candidate), (dispersion.last_stable, stable)):
        difference, independent = _neighbours(last, this)
        observed += difference
        expected += independent
    return Dispersion.model_construct(
        observed=observed,
        expected=expected,
        last_candidate=candidate if candidate.requests else dispersion.last_candidate,
        last_stable=stable if stable.requests else dispersion.last_stable,
    )


def harm_inflation(dispersion: Dispersion) -> float:
    """Return phi for evidence of harm, at least 1.

    A rollback is hard to take back, so the estimate is raised by a fifth, and clumps of two are assumed until a few
    events have shown better. Without that, the first clump of a rollout could decide it.
    """
    return max(1.0, _HARM_CAUTION * _shrunk(dispersion, _HARM_PRIOR))


def promotion_inflation(dispersion: Dispersion) -> float:
    """Return phi for promotion evidence, at least 1. Independence is assumed until a few events have shown worse."""
    return max(1.0, _shrunk(dispersion, 1.0))


def _shrunk(dispersion: Dispersion, prior: float) -> float:
    return (dispersion.observed + _PRIOR_EVENTS * prior) / (dispersion.expected + _PRIOR_EVENTS)


def _neighbours(last: ArmTotals, this: ArmTotals) -> tuple[float, float]:
    if not last.requests or not this.requests:
        return 0.0, 0.0
    events, requests = last.events + this.events, last.requests + this.requests
    difference = last.events * this.requests - this.events * last.requests
    return (
        difference * difference / (last.requests * this.requests),
        events * (requests - events) / (requests - 1),
    )
