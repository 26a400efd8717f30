"""Runs of candidate and stable are timed by turns, so that whatever else slows the machine down slows both."""

from math import ceil
from statistics import median

from leadsman_serving.preflight.measured import Times
from leadsman_serving.preflight.process import ModelEndedError, ModelProcess
from leadsman_serving.preflight.time_left import TimeLeft

_SECONDS = 4.0
"""About how long runs of one number of rows are timed."""
_ROUND = 0.02
"""About how long one side of a round is, in seconds: long enough that starting it is nothing."""
_MOST_RUNS = 200
_LEAST_ROUNDS, _MOST_ROUNDS = 8, 40
"""Below eight rounds nothing is sure (figures.py)."""
_SHARE = 0.4
"""Of the time that is left, what one number of rows may take."""


def time_runs(candidate: ModelProcess, stable: ModelProcess | None, rows: int, left: TimeLeft) -> Times:
    """Return the times of runs of so many rows, 1 or the largest batch.

    Raises ModelEndedError when a process ends. Slow models are timed in fewer rounds, at least one.
    """
    sides = [candidate] if stable is None else [candidate, stable]
    for side in sides:
        _round(side, rows, 3, left)  # warm up
    slowest = max(median(_round(side, rows, 3, left)) for side in sides)
    runs = max(1, min(_MOST_RUNS, ceil(_ROUND / max(slowest, 1e-9))))
    one = len(sides) * runs * slowest
    rounds = max(_LEAST_ROUNDS, min(_MOST_ROUNDS, int(_SECONDS / one)))
    rounds = max(1, min(rounds, int(_SHARE * left() / one)))
    times: list[list[tuple[float, ...]]] = [[] for _ in sides]
    for number in range(rounds):
        order = list(enumerate(sides))
        # Who comes second finds caches as the other left them: that falls to each side as often.
        for index, side in order if number % 2 == 0 else reversed(order):
            times[index].append(_round(side, rows, runs, left))
    return Times(rows, tuple(times[0]), tuple(times[1]) if stable is not None else ())


def _round(process: ModelProcess, rows: int, runs: int, left: TimeLeft) -> tuple[float, ...]:
    told = process.ask({"do": "time", "rows": rows, "runs": runs}, left())
    if "failed" in told:
        raise ModelEndedError(str(told["failed"]))
    return tuple(map(float, told["seconds"]))
