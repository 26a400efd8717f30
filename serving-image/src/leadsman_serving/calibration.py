"""What the warm-up teaches of a model: how long a run takes, and how many rows are best put into one.

A batch is of use when a run of many rows takes clearly less time than as many runs, and it is safe when a row's outputs
do not depend on the rows beside it. No signature tells either, so that both are tried. Pure but for the model itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import inf

from leadsman_serving.errors import ServingError
from leadsman_serving.independence import among_large, are_independent
from leadsman_serving.rows import Feed, Run, join, row_shapes, rows_of, split
from leadsman_serving.tensors import Array

HAND_OVER_SECONDS = 6e-6
"""What it costs a request to wait for a batch and be woken; the batch has to save each of its requests more."""
LEAST_SAVING = 0.2
"""Of the time that a request takes by itself, what a batch has to save it."""
TRIED_BYTES = 16 << 20
"""The most that inputs and outputs of a tried batch have together. Containers have little memory to spare, and models
whose rows are so large gain next to nothing from batches.
"""
_ABOUT = 1.15
_ROWS, _ROWS_EACH = 5, 3  # taken of the inputs, and of one of them
_SECONDS = 1.0  # for trying whether rows are independent, and for trying batches; a model too slow for that has none
_RUNS_A_ROW = 4  # about, when it is tried whether rows are independent
_LEAST_RUNS, _MOST_RUNS, _ENOUGH_SECONDS = 3, 20, 0.002


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


def calibrate(
    run: Run, feeds: Sequence[Feed], most_rows: int, most_bytes: int, clock: Callable[[], float]
) -> Calibration:
    """Return what runs with these inputs teach, but for those on which the model fails.

    Batches of at most `most_rows` rows and `most_bytes` of inputs are tried, for about two seconds; `clock` gives
    seconds. Raises ServingError when the model fails on each of the inputs by itself.
    """
    feed, seconds = _first_that_runs(run, feeds, clock)
    alone = Calibration(elements_of(feed), seconds, 1, seconds)
    if most_rows == 1 or seconds < HAND_OVER_SECONDS or not rows_of(feed):
        return alone
    try:
        row = _row(feed, 0)
        most = min(most_rows, _rows_in_bounds(row, run(row), most_bytes))
        tried = min(most, int(_SECONDS / (_RUNS_A_ROW * seconds)))
        if tried < 2 or not are_independent(run, list(islice(among_large(_rows_like(row, feeds)), tried))):
            return alone
        return _best_batch(run, row, most, clock) or alone
    except (ServingError, MemoryError):
        return alone


def elements_of(feed: Feed) -> int:
    """Return how many numbers or strings a feed has, at least 1."""
    return max(1, sum([array.size for array in feed.values()]))


def _first_that_runs(run: Run, feeds: Sequence[Feed], clock: Callable[[], float]) -> tuple[Feed, float]:
    """Return the first of the feeds on which the model does not fail, and how long it takes."""
    *others, last = feeds
    for feed in others:
        try:
            return feed, _least_seconds(run, feed, clock)
        except ServingError:
            continue
    return last, _least_seconds(run, last, clock)


def _row(feed: Feed, index: int) -> Feed:
    return {name: array[index : index + 1] for name, array in feed.items()}


def _rows_like(row: Feed, feeds: Sequence[Feed]) -> list[Feed]:
    """Return some rows of the feeds, of the same shapes as this one."""
    rows = [_row(feed, index) for feed in feeds for index in range(min(rows_of(feed), _ROWS_EACH))]
    return [each for each in rows if row_shapes(each) == row_shapes(row)][:_ROWS]


def _rows_in_bounds(row: Feed, outputs: Sequence[Array], most_bytes: int) -> int:
    """Return how many such rows a batch that is tried may have."""
    taken, given = (max(1, sum(array.nbytes for array in arrays)) for arrays in (row.values(), outputs))
    return min(most_bytes // taken, TRIED_BYTES // (taken + given))


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
