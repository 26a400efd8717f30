"""Which histogram bounds the latency test looks at.

For a quantile of the stable revision take the bucket bound L nearest to it, and for the candidate the first bound L'
that is at least `tolerate_ratio` times L. If the candidate's latency is at most that many times the stable
revision's, then `P(candidate > L') <= P(candidate > ratio L) <= P(stable > L)`: the odds ratio of these two events is
at most 1, which is the null hypothesis of the harm test. So a candidate slower by less than the ratio fails no more
often than the policy allows, whatever the shape of the distributions. How much slower it must be to be found depends
on the histogram's resolution: its bounds should be no more than about 1.2 apart.
"""

from collections.abc import Sequence
from math import inf, isfinite, log

from leadsman.api.evidence import LatencyBound
from leadsman.core.evidence.processes import TOLERATED_ODDS
from leadsman.core.evidence.samples import Histogram, PodSample

QUANTILES = (0.5, 0.9, 0.95, 0.99)
ENOUGH_ANSWERS = 100
"""Answers of the stable revision, in the lifetime of its pods, that bounds are chosen from."""

PROMOTING_QUANTILES = (0.5, 0.9, 0.95)
"""Quantiles that a step needs promotion evidence for. At p99 it would take a thousand requests: too rare an event to
wait for; there, the harm test keeps watch alone."""

_LEAST_TOLERATED = 0.02
_ROUNDING = 1e-3
_MOST_EXCEEDED = 0.9


def choose_bounds(samples: Sequence[PodSample], stable: str, tolerate_ratio: float) -> tuple[LatencyBound, ...]:
    """Return a pair of bounds per distinct quantile, or none if the stable revision has answered too little yet."""
    histogram = _merged([sample.latency for sample in samples if sample.revision == stable])
    if histogram.total < ENOUGH_ANSWERS:
        return ()
    # A bound that nearly every answer exceeds cannot be exceeded more often.
    pairs = {
        low: high
        for low, high in _pairs(histogram.bounds, tolerate_ratio).items()
        if _tail(histogram, low) < _MOST_EXCEEDED
    }
    if not pairs:
        return ()
    chosen: dict[float, LatencyBound] = {}
    for quantile in QUANTILES:
        nearest = min(pairs, key=lambda low: (abs(_logit(_tail(histogram, low)) - _logit(1 - quantile)), low))
        tail = _tail(histogram, nearest)
        bound = LatencyBound(
            quantile=quantile, stable=nearest, candidate=pairs[nearest], tolerated=max(_LEAST_TOLERATED, _doubled(tail))
        )
        chosen.setdefault(nearest, bound)
    return tuple(chosen.values())


def comparison_name(bound: LatencyBound) -> str:
    """Return the name of the comparison at this bound, such as latency/p95."""
    return f"latency/p{bound.quantile * 100:.0f}"


def _pairs(bounds: Sequence[float], ratio: float) -> dict[float, float]:
    """Map each finite bound to the first that is `ratio` times as large, where there is one."""
    # In a grid with just that ratio, rounding must not turn the multiple of one bound into more than the next.
    least = {low: low * ratio * (1 - _ROUNDING) for low in bounds if 0 < low < inf}
    first = {low: next((high for high in bounds if high >= least[low]), inf) for low in least}
    return {low: high for low, high in first.items() if isfinite(high)}


def _merged(histograms: Sequence[Histogram]) -> Histogram:
    """Add up the histograms that have the same bounds as the first."""
    alike = [histogram for histogram in histograms if histogram.bounds == histograms[0].bounds]
    if not alike:
        return Histogram()
    return Histogram(alike[0].bounds, tuple(map(sum, zip(*(histogram.counts for histogram in alike), strict=True))))


def _tail(histogram: Histogram, bound: float) -> float:
    """Return the share of answers slower than `bound`, kept off 0 and 1 by half an answer."""
    return ((histogram.slower_than(bound) or 0) + 0.5) / (histogram.total + 1)


def _logit(share: float) -> float:
    return log(share / (1 - share))


def _doubled(share: float) -> float:
    """Return the share whose odds are the tolerated multiple of the given one's."""
    return TOLERATED_ODDS * share / (1 + (TOLERATED_ODDS - 1) * share)
