"""How far two baselines are apart, and what their histograms look like. Pure.

The distance is the population stability index, sum((q - p) * ln(q / p)) over the bins of the first. It is never
zero between two samples: for n and m values in k bins of the same distribution it is about (1/n + 1/m) times a
chi-squared with k - 1 degrees of freedom. What chance gives in 1 of 100 cases is therefore told with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from typing import Literal

from leadsman_package.baseline import Baseline, Column, Histogram

Side = Literal["input", "output"]
Verdict = Literal["alike", "shifted", "far apart"]
_FAR = 0.25
"""Where the index is commonly taken to say that two distributions are not the same."""
_PSEUDO_COUNT = 0.5
_Z = 2.326  # the 99th percentile of a normal distribution


@dataclass(frozen=True, slots=True)
class Drift:
    """The distance of one feature or output. `by_chance`: what it is at most in 99 of 100 cases if nothing changed."""

    side: Side
    tensor: str
    feature: str | None
    index: float
    by_chance: float
    missing: tuple[float, float]
    """The shares of missing values."""
    mean: tuple[float | None, float | None]

    @property
    def verdict(self) -> Verdict:
        """The distance in words."""
        if self.index <= self.by_chance:
            return "alike"
        return "far apart" if self.index >= _FAR else "shifted"


def drift(one: Baseline, other: Baseline) -> tuple[Drift, ...]:
    """Return the distances of what both baselines have, inputs first, as far as they are of the same kind."""
    theirs = {(side, each.tensor, each.feature): each for side, each in _columns(other)}
    found = ((side, mine, theirs.get((side, mine.tensor, mine.feature))) for side, mine in _columns(one))
    measured = (_drift(side, mine, yours) for side, mine, yours in found if yours is not None)
    return tuple(each for each in measured if each is not None)


def density(histogram: Histogram, bins: int) -> tuple[float, ...]:
    """Return a histogram with bins of equal width, as shares of all: values are taken to lie evenly within each bin."""
    total = sum(histogram.counts)
    least, most = histogram.edges[0], histogram.edges[-1]
    if not total or most <= least:
        return (1.0,) if total else ()
    edges = [least + (most - least) * step / bins for step in range(bins)] + [most]
    return tuple(count / total for count in _counts(histogram, edges)[1:-1])


def _columns(baseline: Baseline) -> Iterator[tuple[Side, Column]]:
    yield from (("input", each) for each in baseline.inputs)
    yield from (("output", each) for each in baseline.outputs)


def _drift(side: Side, one: Column, other: Column) -> Drift | None:
    counts = _binned(one, other)
    if counts is None:
        return None
    # Missing values are a bin of their own.
    mine, theirs = ([*side, float(each.missing)] for side, each in zip(counts, (one, other), strict=True))
    if not sum(mine) or not sum(theirs):
        return None
    return Drift(
        side=side,
        tensor=one.tensor,
        feature=one.feature,
        index=_index(mine, theirs),
        by_chance=_by_chance(mine, theirs),
        missing=(_missing(one), _missing(other)),
        mean=(one.mean, other.mean),
    )


def _binned(one: Column, other: Column) -> tuple[list[float], list[float]] | None:
    """Return how many values of each column lie in the same bins; None when they are not of one kind."""
    if one.histogram and other.histogram:
        edges = one.histogram.edges
        return _counts(one.histogram, edges), _counts(other.histogram, edges)
    if one.categories is None or other.categories is None:
        return None
    names = dict.fromkeys((*one.categories, *other.categories))
    mine, theirs = (
        [*(float(each.get(name, 0)) for name in names), float(rest or 0)]
        for each, rest in ((one.categories, one.other), (other.categories, other.other))
    )
    return mine, theirs


def _missing(column: Column) -> float:
    return column.missing / column.values if column.values else 0.0


def _counts(histogram: Histogram, edges: Sequence[float]) -> list[float]:
    """Return how many values lie below the first edge, between each two, and above the last."""
    below = [_below(histogram, edge) for edge in edges[:-1]]
    below.append(_below(histogram, edges[-1], inclusive=True))
    return [below[0], *(after - before for before, after in pairwise(below)), sum(histogram.counts) - below[-1]]


def _below(histogram: Histogram, edge: float, *, inclusive: bool = False) -> float:
    total = 0.0
    for (start, end), count in zip(pairwise(histogram.edges), histogram.counts, strict=False):
        if end < edge or (end == edge and (inclusive or start < end)):
            total += count
        elif start < edge:
            total += count * (edge - start) / (end - start)
    return total


def _index(mine: Sequence[float], theirs: Sequence[float]) -> float:
    sizes = [sum(side) + _PSEUDO_COUNT * len(side) for side in (mine, theirs)]
    shares = [
        ((p + _PSEUDO_COUNT) / sizes[0], (q + _PSEUDO_COUNT) / sizes[1]) for p, q in zip(mine, theirs, strict=True)
    ]
    return sum((q - p) * log(q / p) for p, q in shares)


def _by_chance(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the 99th percentile of the index between two samples of one distribution, after Wilson and Hilferty."""
    bins = sum(1 for p, q in zip(mine, theirs, strict=True) if p or q)
    freedom = max(bins - 1, 1)
    percentile = freedom * (1 - 2 / (9 * freedom) + _Z * sqrt(2 / (9 * freedom))) ** 3
    return (1 / sum(mine) + 1 / sum(theirs)) * percentile
