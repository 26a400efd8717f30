"""What the warm-up teaches of a model: how long a run takes, and how many rows are best put into one.

A batch is of use when a run of many rows takes clearly less time than as many runs, and it is safe when a row's outputs
do not depend on the rows beside it. No signature tells either, so that both are tried. Pure but for the model itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np

from leadsman_serving.errors import ServingError
from leadsman_serving.rows import Feed, join, row_shapes, rows_of, split
from leadsman_serving.tensors import Array

Run = Callable[[Feed], list[Array]]
"""Runs the model; raises ServingError when it fails."""

LEAST_SPEEDUP = 1.25
"""A batch is of use when it takes at least a fifth less time than its requests one by one."""
HAND_OVER_SECONDS = 20e-6
"""What it costs a request to wait for a batch and be woken; the batch has to save each of its requests more."""
_LEAST_GAIN = 0.9  # a batch is large enough when twice the rows do not take a tenth less time each
_RUNS = 3
_SECONDS = 1.0  # for trying batches; a model too slow for that has none
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5  # kernels add up in another order when there are more rows


@dataclass(frozen=True, slots=True)
class Calibration:
    """How long runs take: `seconds` with `elements` of input, `batch_seconds` with `rows` times as many.

    So many rows are best put into one run; requests to a model with `rows` of 1 are never joined.
    """

    elements: int = 1
    seconds: float = inf
    rows: int = 1
    batch_seconds: float = inf

    def expected_seconds(self, elements: int) -> float:
        """Return about how long a run with so many elements of input takes; infinity when that is not known."""
        most = self.elements * self.rows
        if elements <= self.elements:
            return self.seconds
        if elements >= most:
            return self.batch_seconds * elements / most
        return self.seconds + (self.batch_seconds - self.seconds) * (elements - self.elements) / (most - self.elements)


def calibrate(run: Run, feeds: Sequence[Feed], most_rows: int, clock: Callable[[], float]) -> Calibration:
    """Return what runs with these inputs, several different ones if possible, teach.

    Batches of at most `most_rows` rows are tried, for about a second; `clock` gives seconds. Raises ServingError when
    the model fails on an input by itself.
    """
    seconds = _least_seconds(run, feeds[0], clock)
    alone = Calibration(elements_of(feeds[0]), seconds, 1, seconds)
    rows = [{name: array[:1] for name, array in feed.items()} for feed in feeds if rows_of(feed)]
    if most_rows == 1 or seconds < HAND_OVER_SECONDS or not _are_independent(run, rows):
        return alone
    return _best_batch(run, rows[0], most_rows, clock) or alone


def elements_of(feed: Feed) -> int:
    """Return how many numbers or strings a feed has, at least 1."""
    return max(1, sum(array.size for array in feed.values()))


def _are_independent(run: Run, rows: Sequence[Feed]) -> bool:
    """Whether the model answers the rows, of which two or more differ, in one run as it does one by one."""
    if len(rows) < 2 or len({row_shapes(row) for row in rows}) > 1:
        return False
    try:
        together = split(run(join(rows)), [1] * len(rows))
    except ServingError:
        return False
    return together is not None and all(
        _alike(one, other)
        for row, joined in zip(rows, together, strict=True)
        for one, other in zip(run(row), joined, strict=True)
    )


def _alike(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind == "f":
        return np.allclose(one, other, _RELATIVE, _ABSOLUTE, equal_nan=True)
    return bool((one == other).all())


def _best_batch(run: Run, row: Feed, most_rows: int, clock: Callable[[], float]) -> Calibration | None:
    """Return the calibration with the best number of rows, a power of two; None when no batch is of use."""
    lone = best = _least_seconds(run, row, clock)
    rows, deadline = 1, clock() + _SECONDS
    while 2 * rows <= most_rows and clock() + _RUNS * 2 * best <= deadline:
        seconds = _least_seconds(partial(_run_joined, run, 2 * rows), row, clock)
        if seconds / 2 > _LEAST_GAIN * best:
            break
        rows, best = 2 * rows, seconds
    of_use = rows * lone / best >= LEAST_SPEEDUP and lone - best / rows >= HAND_OVER_SECONDS
    return Calibration(elements_of(row), lone, rows, best) if of_use else None


def _run_joined(run: Run, count: int, row: Feed) -> None:
    split(run(join([row] * count)), [1] * count)


def _least_seconds(run: Callable[[Feed], object], feed: Feed, clock: Callable[[], float]) -> float:
    least = inf
    for _ in range(_RUNS):
        started = clock()
        run(feed)
        least = min(least, clock() - started)
    return least
