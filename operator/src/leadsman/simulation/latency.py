"""Latencies as the serving pods' histogram has them: log-normal, counted against bounds 1.2 times apart."""

from functools import lru_cache
from math import erfc, inf, log, sqrt

from leadsman.api.evidence import LatencyBound
from leadsman.core.evidence.latency import choose_bounds
from leadsman.core.evidence.samples import Histogram, PodSample

GRID = tuple(float(f"{0.0002 * 1.2**step:.4g}") for step in range(60))
"""The bounds of the serving pods' histogram, in seconds (leadsman_serving.metrics)."""

SIGMA = 0.4
"""Spread of the logarithm of latencies: p99 is two and a half times the median."""

_ENOUGH_TO_CHOOSE = 10_000


def slower_share(median_ms: float, bound: float) -> float:
    """Return the share of answers slower than `bound` seconds."""
    return erfc(log(bound * 1000 / median_ms) / (SIGMA * sqrt(2))) / 2


def bounds(median_ms: float, answered: int, tolerate_ratio: float) -> tuple[LatencyBound, ...]:
    """Return the bounds that the engine chooses when the stable revision has given so many answers; none if too few."""
    return _bounds(median_ms, min(answered, _ENOUGH_TO_CHOOSE), tolerate_ratio)


@lru_cache
def _bounds(median_ms: float, answered: int, tolerate_ratio: float) -> tuple[LatencyBound, ...]:
    counts = tuple(round(answered * (1 - slower_share(median_ms, bound))) for bound in GRID)
    stable = PodSample("stable", 0.0, "stable", answered, 0, Histogram((*GRID, inf), (*counts, answered)))
    return choose_bounds([stable], "stable", tolerate_ratio)
