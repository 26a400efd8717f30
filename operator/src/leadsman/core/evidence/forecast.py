"""How many more requests a step needs, if the candidate goes on as it has."""

from bisect import bisect_left
from collections.abc import Sequence
from math import log

from leadsman.api.evidence import Comparison
from leadsman.core.evidence.comparison import log_promotion, log_promotion_later
from leadsman.core.evidence.processes import acceptable_rates

_PRIOR_REQUESTS = 100
"""Requests' worth of belief in an eighth of the tolerated rate, before the candidate has shown any of its own."""

_LONGEST = 1_000_000


def requests_needed(comparison: Comparison, log_needed: float) -> int | None:
    """Return the candidate requests still needed until promotion evidence suffices, or None if it never may.

    At an event rate r, the evidence of the rate p of the grid grows by `r ln(p/p0) + (1-r) ln((1-p)/(1-p0))` per
    request in the mean.
    """
    if log_promotion(comparison) >= log_needed:
        return 0
    growth = _growth(comparison)

    def enough(requests: int) -> bool:
        later = tuple(now + requests * rise for now, rise in zip(comparison.absolute, growth, strict=True))
        return log_promotion_later(comparison, later) >= log_needed

    if max(growth) <= 0 or not enough(_LONGEST):
        return None
    # Evidence may fall before it rises, but once it suffices it goes on to.
    return bisect_left(range(_LONGEST), True, lo=1, key=enough)


def _growth(comparison: Comparison) -> Sequence[float]:
    candidate, tolerated = comparison.candidate, comparison.tolerated
    rates = acceptable_rates(tolerated)
    rate = (candidate.events + _PRIOR_REQUESTS * rates[1]) / (candidate.requests + _PRIOR_REQUESTS)
    return [rate * log(p / tolerated) + (1 - rate) * log((1 - p) / (1 - tolerated)) for p in rates]
