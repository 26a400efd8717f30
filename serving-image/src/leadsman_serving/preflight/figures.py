"""What many times of runs come to, and how sure that is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, inf
from statistics import median

_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median, and the ends between which the true one lies with a confidence of 99 %."""

    middle: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate:
    """Return the median of at least one value with its confidence interval, which no kind of distribution upsets.

    The interval is between two of the values in their order, by the binomial distribution; below eight values no two of
    them are far enough apart, and nothing is sure.
    """
    ordered = sorted(values)
    skipped = _skipped(len(ordered))
    if skipped is None:
        return Estimate(median(ordered), 0.0, inf)
    return Estimate(median(ordered), ordered[skipped], ordered[-1 - skipped])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of at least one value that so large a share of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@cache
def _skipped(count: int) -> int | None:
    """Return how many values at each end may be left out; None when all of them do not suffice."""
    outside, skipped = 0.0, None
    for left_out in range(count // 2):
        outside += 2 * comb(count, left_out) / 2**count
        if outside > 1 - _CONFIDENCE:
            break
        skipped = left_out
    return skipped
