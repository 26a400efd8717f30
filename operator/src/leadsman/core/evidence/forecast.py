"""How many more requests a step needs, if the candidate goes on as it has."""

from math import ceil, log

from leadsman.api.evidence import Comparison
from leadsman.core.evidence.comparison import ABSOLUTE_WEIGHT, log_promotion
from leadsman.core.evidence.dispersion import promotion_inflation
from leadsman.core.evidence.processes import acceptable_rates

_PRIOR_REQUESTS = 100
"""Requests' worth of belief that the candidate is as good as an eighth of the tolerated rate, before it has shown anything."""


def requests_needed(comparison: Comparison, log_needed: float) -> int | None:
    """Return the candidate requests still needed until promotion evidence suffices, or None if it never may.

    The evidence of the rate p of the grid grows by `r ln(p/p0) + (1-r) ln((1-p)/(1-p0))` per request at an event rate
    r; the first to arrive is the forecast.
    """
    if log_promotion(comparison) >= log_needed:
        return 0
    rates = acceptable_rates(comparison.tolerated)
    phi = promotion_inflation(comparison.dispersion)
    candidate = comparison.candidate
    rate = (candidate.events + _PRIOR_REQUESTS * rates[1]) / (candidate.requests + _PRIOR_REQUESTS)
    target = phi * (log_needed + log(len(rates) / ABSOLUTE_WEIGHT))
    forecasts = []
    for acceptable, evidence in zip(rates, comparison.absolute, strict=True):
        growth = rate * log(acceptable / comparison.tolerated)
        growth += (1 - rate) * log((1 - acceptable) / (1 - comparison.tolerated))
        if growth > 0:
            forecasts.append(ceil(max(1.0, (target - evidence) / growth)))
    return min(forecasts, default=None)
