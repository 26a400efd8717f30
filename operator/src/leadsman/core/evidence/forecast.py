"""How many more requests a step needs, if the candidate goes on as it has."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import ceil, log

from leadsman.api.evidence import Agreement, ArmTotals, Comparison, Difference
from leadsman.core.evidence import agreement
from leadsman.core.evidence.comparison import log_promotion, log_promotion_later
from leadsman.core.evidence.processes import acceptable_rates, added, mixture

_PRIOR_REQUESTS = 100
"""Requests' worth of belief in an eighth of the tolerated rate, before the candidate has shown any of its own."""

_LONGEST = 1_000_000


def of_comparison(comparison: Comparison, log_needed: float) -> int | None:
    """Return the candidate requests still needed until promotion evidence suffices, or None if it never may."""
    if log_promotion(comparison) >= log_needed:
        return 0
    growth = _growth(comparison.candidate, comparison.tolerated)

    def later(requests: int) -> float:
        return log_promotion_later(comparison, added(comparison.absolute, [requests * rise for rise in growth]))

    return _first(later, log_needed) if max(growth) > 0 else None


def of_agreement(state: Agreement, requests: int, log_needed: float) -> int | None:
    """Return the candidate requests still needed, or None if they may never suffice, or there are no pairs yet.

    The candidate's next requests bring as many pairs as its `requests` have so far: not all have an id, and of more
    than the pods remember some are gone before they are read.
    """
    if not state.totals.requests:
        return None
    growth = _growth(state.totals, state.tolerated)
    phi = agreement.promotion_inflation(state)

    def later(pairs: int) -> float:
        return mixture(added(state.absolute, [pairs * rise for rise in growth]), phi)

    pairs = _first(later, log_needed) if max(growth) > 0 or later(0) >= log_needed else None
    return None if pairs is None else ceil(pairs * requests / state.totals.requests)


def of_difference(
    state: Difference, requests: int, log_needed: float, later: Callable[[Difference, float], float]
) -> int | None:
    """Return the candidate requests still needed, or None if it is unknown.

    `later` is the evidence after so much more effective traffic; the candidate's next requests bring of it what its
    `requests` have brought so far, such as one judged answer in a hundred.
    """
    if not state.weight:
        return None
    weight = _first(lambda more: later(state, float(more)), log_needed)
    return None if weight is None else ceil(weight * requests / state.weight)


def _first(later: Callable[[int], float], log_needed: float) -> int | None:
    """Return the least number after which the evidence suffices. It may fall before it rises, but then goes on to."""
    if later(0) >= log_needed:
        return 0
    if later(_LONGEST) < log_needed:
        return None
    return bisect_left(range(_LONGEST), True, lo=1, key=lambda number: later(number) >= log_needed)


def _growth(totals: ArmTotals, tolerated: float) -> Sequence[float]:
    """Return what each rate's evidence grows by per request in the mean: `r ln(p/p0) + (1-r) ln((1-p)/(1-p0))`."""
    rates = acceptable_rates(tolerated)
    rate = (totals.events + _PRIOR_REQUESTS * rates[1]) / (totals.requests + _PRIOR_REQUESTS)
    return [rate * log(p / tolerated) + (1 - rate) * log((1 - p) / (1 - tolerated)) for p in rates]
