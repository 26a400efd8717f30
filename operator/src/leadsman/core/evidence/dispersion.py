"""How clumped events are, measured from how neighbouring looks differ.

Retries, sessions and one bad client make errors come together. The tests assume that requests fail independently;
without a correction, clumps of ten errors roll back half of all healthy candidates.

**Estimate.** Two neighbouring looks of one revision with `n, n'` requests and `x, x'` events are a 2 x 2 table. Given
`k = x + x'` and independent events, `E (x n' - x' n)^2 / (n n') = k (N - k) / (N - 1)` with `N = n + n'`, exactly. The
quotient of the two sides, summed over looks, is the variance inflation. Neighbours are compared, not each look with
the mean of all: a slow cycle or an outage of both revisions, which the stratified test cancels anyway, would otherwise
pass for clumps and blunt the test. For the same reason no pair counts for more than a few events, nor for a larger
inflation than clumps have: the first and the last look of an outage are such pairs.

**Whose.** The stable revision's events are the measure, those of the day before the rollout among them. The
candidate's count as well, but ever less as the stable revision shows events: until that has failed once, they are the
only warning of clumps there is, but a candidate that breaks down in the middle of a rollout looks clumped in that look.

**Correction.** Evidence `E` is used as `E^(1/phi)` with `phi >= 1`, for all looks with the phi of the moment. For
independent events this never weakens the guarantee, whatever phi depends on: where `E^(1/phi)` reaches a bound above
1, `E` itself does. (So phi needs not be predictable, as it would if every look were tempered with its own.) For
clumped events it is the usual quasi-likelihood correction, and simulation shows the guarantee to hold.
"""

from collections.abc import Sequence
from itertools import pairwise

from leadsman.api.evidence import ArmTotals, Dispersion
from leadsman.core.evidence.samples import Minute

_PRIOR_EVENTS = 4.0
_HARM_PRIOR, _HARM_CAUTION = 1.5, 0.2
_SURE_EVENTS = 20.0
MOST_OF_A_PAIR = 10.0
LARGEST_INFLATION = 30.0
_MOST_OF_THE_PAST = 200.0


def observe(dispersion: Dispersion, look: ArmTotals, largest: float = LARGEST_INFLATION) -> Dispersion:
    """Add one look of the revision; one without requests is skipped. No pair shows an inflation above `largest`."""
    if not look.requests:
        return dispersion
    last = dispersion.last
    observed, expected = 0.0, 0.0
    if last.requests:
        observed, expected = _neighbours(last.requests, last.events, look.requests, look.events, largest)
    return Dispersion.model_construct(
        observed=dispersion.observed + observed, expected=dispersion.expected + expected, last=look
    )


def of_the_past(minutes: Sequence[Minute]) -> Dispersion:
    """Return how clumped the errors of a day were; it weighs no more than two hundred events of the rollout itself."""
    answered = [(minute.requests, minute.errors) for minute in minutes if minute.requests]
    pairs = [_neighbours(*last, *this) for last, this in pairwise(answered)]
    observed, expected = sum(one for one, _ in pairs), sum(one for _, one in pairs)
    share = min(1.0, _MOST_OF_THE_PAST / expected) if expected else 1.0
    return Dispersion(observed=observed * share, expected=expected * share)


def is_known(stable: Dispersion) -> bool:
    """Whether the stable revision has shown enough events to tell how clumped they are."""
    return stable.expected >= _PRIOR_EVENTS


def harm_inflation(candidate: Dispersion, stable: Dispersion) -> float:
    """Return phi for evidence of harm, at least 1.

    A rollback is hard to take back, so the estimate is raised by a fifth, unless many events have shown that they are
    independent; and clumps of two are assumed until a few have shown better. Without that, the first clump of a rollout
    could decide it.
    """
    estimate = max(1.0, _estimate(candidate, stable, _HARM_PRIOR))
    independent = stable.expected / (_SURE_EVENTS + stable.expected) / estimate
    return estimate * (1 + _HARM_CAUTION * (1 - independent))


def promotion_inflation(candidate: Dispersion, stable: Dispersion) -> float:
    """Return phi for promotion evidence, at least 1. Independence is assumed until a few events have shown worse."""
    return max(1.0, _estimate(candidate, stable, prior=1.0))


def _estimate(candidate: Dispersion, stable: Dispersion, prior: float) -> float:
    share = _PRIOR_EVENTS / (_PRIOR_EVENTS + stable.expected)
    observed = stable.observed + share * candidate.observed
    expected = stable.expected + share * candidate.expected
    return (observed + _PRIOR_EVENTS * prior) / (expected + _PRIOR_EVENTS)


def _neighbours(n: int, x: int, m: int, y: int, largest: float = LARGEST_INFLATION) -> tuple[float, float]:
    """Return the squared difference of two looks, `x` events in `n` requests and `y` in `m`, and its mean if events
    were independent."""
    events, requests = x + y, n + m
    expected = events * (requests - events) / (requests - 1)
    if not expected:
        return 0.0, 0.0
    difference = x * m - y * n
    inflation = difference * difference / (n * m) / expected
    weight = min(expected, MOST_OF_A_PAIR)
    return weight * min(inflation, largest), weight
