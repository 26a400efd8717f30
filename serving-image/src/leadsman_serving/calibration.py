"""What the warm-up teaches of a model: how long a run takes, and how many rows are best put into one.

A batch is of use when a run of many rows takes clearly less time than as many runs, and it is safe when a row's outputs
do not depend on the rows beside it. No signature tells either, so that both are tried. Pure but for the model itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np

from leadsman_serving.errors import ServingError
from leadsman_serving.rows import Feed, join, row_shapes, rows_of, split
from leadsman_serving.tensors import Array

Run = Callable[[Feed], list[Array]]
"""Runs the model; raises ServingError when it fails."""

HAND_OVER_SECONDS = 6e-6
"""What it costs a request to wait for a batch and be woken; the batch has to save each of its requests more."""
LEAST_SAVING = 0.2
"""Of the time that a request takes by itself, what a batch has to save it."""
_ABOUT = 1.15
_ROWS, _ROWS_EACH = 8, 3  # tried together, and from one input
_SECONDS = 1.0  # for trying batches; a model too slow for that has none
_LEAST_RUNS, _MOST_RUNS, _ENOUGH_SECONDS = 3, 20, 0.002
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

    def most_elements(self, seconds: float) -> int:
        """Return with how many elements of input a run takes about so long; 0 when any takes longer."""
        if self.seconds > seconds:
            return 0
        most = self.elements * self.rows
        if self.batch_seconds <= seconds:
            return int(most * seconds / self.batch_seconds)
        share = (seconds - self.seconds) / (self.batch_seconds - self.seconds)
        return int(self.elements + share * (most - self.elements))


def calibrate(run: Run, feeds: Sequence[Feed], most_rows: int, clock: Callable[[], float]) -> Calibration:
    """Return what runs with these inputs teach; batches need two rows that differ, from one of them or several.

    Batches of at most `most_rows` rows are tried, for about a second; `clock` gives seconds. Raises ServingError when
    the model fails on an input by itself.
    """
    seconds = _least_seconds(run, feeds[0], clock)
    alone = Calibration(elements_of(feeds[0]), seconds, 1, seconds)
    if most_rows == 1 or seconds < HAND_OVER_SECONDS:
        return alone
    rows = _rows_alike(feeds)
    if not rows or not _are_independent(run, rows):
        return alone
    return _best_batch(run, rows[0], most_rows, clock) or alone


def elements_of(feed: Feed) -> int:
    """Return how many numbers or strings a feed has, at least 1."""
    return max(1, sum([array.size for array in feed.values()]))


def _rows_alike(feeds: Sequence[Feed]) -> list[Feed]:
    """Return some rows of the feeds, of the same shapes."""
    rows: list[Feed] = [
        {name: array[index : index + 1] for name, array in feed.items()}
        for feed in feeds
        for index in range(min(rows_of(feed), _ROWS_EACH))
    ]
    return [row for row in rows if row_shapes(row) == row_shapes(rows[0])][:_ROWS]


def _are_independent(run: Run, rows: Sequence[Feed]) -> bool:
    """Whether the model answers the rows, of which some differ, in one run as it does one by one."""
    if all(_alike(array, rows[0][name]) for row in rows for name, array in row.items()):
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
    deadline = clock() + _SECONDS
    took = {1: _least_seconds(run, row, clock)}
    rows = 1
    while 2 * rows <= most_rows and clock() + _LEAST_RUNS * 2 * took[rows] <= deadline:
        rows *= 2
        took[rows] = _least_seconds(partial(_run_joined, run, rows), row, clock)
    best = best_rows(took)
    return Calibration(elements_of(row), took[1], best, took[best]) if best > 1 else None


def best_rows(took: Mapping[int, float]) -> int:
    """Return how many rows are best put into one run, from the seconds that runs of some numbers, 1 among them, took.

    More rows make every one of them wait longer, so that it is the fewest with which a row takes about the least time;
    1 when that saves too little.
    """
    least = min(seconds / rows for rows, seconds in took.items())
    best = min(rows for rows, seconds in took.items() if seconds / rows <= _ABOUT * least)
    saved = took[1] - took[best] / best
    return best if saved >= max(HAND_OVER_SECONDS, LEAST_SAVING * took[1]) else 1


def _run_joined(run: Run, count: int, row: Feed) -> None:
    split(run(join([row] * count)), [1] * count)


def _least_seconds(run: Callable[[Feed], object], feed: Feed, clock: Callable[[], float]) -> float:
    """Return the shortest of a few runs, of some more when they are short and so easily disturbed."""
    least, first = inf, clock()
    for number in range(_MOST_RUNS):
        started = clock()
        if number >= _LEAST_RUNS and started - first > _ENOUGH_SECONDS:
            break
        run(feed)
        least = min(least, clock() - started)
    return least
