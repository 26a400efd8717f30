"""Confidence sequences: intervals that hold at all looks at once, from the evidence that is kept anyway.

For any parameter `t`, `sum_i w_i L(t_i) / L(t)` over a grid of alternatives is an e-process if `t` is the true value,
so the values for which it is below `1 / alpha` are a confidence sequence (Robbins 1970).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import exp, lgamma, log

from leadsman.api.evidence import ArmTotals
from leadsman.core.evidence.processes import ODDS, mixture

ALPHA = 0.05
_HALVINGS = 30
_FAR = 20.0
"""An end of an odds interval whose log is farther from 0 than this is as good as open."""


def odds_interval(odds: Sequence[float], inflation: float) -> tuple[float | None, float | None]:
    """Return the confidence sequence of the odds ratio from its log likelihoods on the grid; None for an open end.

    The log likelihood is concave in the log of the odds ratio (an exponential family, stratum by stratum), so between
    and beyond the points of the grid it lies below the extended chords: the interval is never too narrow.
    """
    points = sorted([(log(psi), value / inflation) for psi, value in zip(ODDS, odds, strict=True)] + [(0.0, 0.0)])
    least = mixture([value for _, value in points], 1.0) + log(ALPHA)
    low = _lower_end(points, least)
    high = _lower_end([(-at, value) for at, value in reversed(points)], least)
    return (None if low is None else exp(max(low, -_FAR)), None if high is None or high < -_FAR else exp(-high))


def rate_interval(totals: ArmTotals, inflation: float) -> tuple[float, float]:
    """Return the confidence sequence of a rate, by a uniform mixture over all rates."""
    events, others = totals.events / inflation, (totals.requests - totals.events) / inflation
    evidence = lgamma(events + 1) + lgamma(others + 1) - lgamma(events + others + 2) + log(ALPHA)
    peak = events / (events + others) if events + others else 0.5

    def plausible(rate: float) -> bool:
        return (events and events * log(rate)) + (others and others * log(1 - rate)) > evidence

    return (_boundary(plausible_at=peak, towards=0.0, plausible=plausible) if events else 0.0), (
        _boundary(plausible_at=peak, towards=1.0, plausible=plausible) if others else 1.0
    )


def _boundary(plausible_at: float, towards: float, plausible: Callable[[float], bool]) -> float:
    inside, outside = plausible_at, towards
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if plausible(middle) else (inside, middle)
    return outside


def _lower_end(points: Sequence[tuple[float, float]], least: float) -> float | None:
    """Return where an upper bound of the concave function through `points` first exceeds `least`."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    first = next(index for index, (_, value) in enumerate(points) if value > least)
    at, value = points[first]
    # The chord to the right of the first plausible point, extended to the left.
    steep = slopes[first] if first < len(slopes) else 0.0
    candidate = at - (value - least) / steep if steep > 0 else None
    if first == 0:
        return candidate
    left, below = points[first - 1]
    if first >= 2 and slopes[first - 2] > 0:
        # The chord that ends before it, extended to the right.
        reached = left + (least - below) / slopes[first - 2]
        candidate = reached if candidate is None else max(candidate, reached)
    return left if candidate is None else max(left, min(candidate, at))
