"""Runs of candidate and stable are timed by turns, so that whatever else slows the machine down slows both.

Where there is memory for both they stay loaded. Where there is not, each is loaded anew for each of its turns.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path
from statistics import median

from leadsman_serving.preflight.measured import Times
from leadsman_serving.preflight.process import ModelEndedError, own_memory
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.trial import Subject, asked, load, make_batch

_SECONDS = 4.0
"""About how long runs of one number of rows are timed."""
_ROUND = 0.02
"""About how long one side of a round is, in seconds: long enough that starting it is nothing."""
_WARM_UP = 3
_MOST_RUNS = 200
_LEAST_ROUNDS, _MOST_ROUNDS = 8, 40
"""Below eight rounds nothing is sure (figures.py)."""
_SHARE = 0.4
"""Of the time that is left, what one number of rows may take."""
_ROOMY = 0.9
"""Of a container's memory, what both models and preflight may have together."""

Side = Callable[[int, int], tuple[float, ...]]
"""Times runs, given how many rows each has and how many there are to be. Raises ModelEndedError."""


class SideEndedError(Exception):
    """A side can do no more. `stable` says which; the cause is the ModelEndedError."""

    def __init__(self, error: ModelEndedError, *, stable: bool) -> None:
        super().__init__(str(error))
        self.memory = error.memory
        self.stable = stable


def fit_together(peaks: Sequence[int], container: int | None) -> bool:
    """Whether models that have taken so many bytes fit into the container together, beside preflight."""
    return container is None or sum(peaks) + own_memory() <= _ROOMY * container


@contextmanager
def sides(
    subjects: Sequence[tuple[Subject, Sequence[Path]]], left: TimeLeft, *, together: bool
) -> Iterator[tuple[Side, ...]]:
    """Make sides of models, each with the requests that its batches are made of. Raises SideEndedError."""
    with ExitStack() as stack:
        made: list[Side] = []
        for number, (subject, files) in enumerate(subjects):
            if not together:
                made.append(_anew(subject, files, left))
                continue
            try:
                made.append(stack.enter_context(_loaded(subject, files, left)))
            except ModelEndedError as error:
                raise SideEndedError(error, stable=number == 1) from error
        yield tuple(made)


def time_runs(made: Sequence[Side], rows: int, left: TimeLeft, overhead: float) -> Times:
    """Return the times of runs of so many rows, 1 or the largest batch: of the candidate, and of stable if it is there.

    `overhead` are the seconds that a turn takes beside its runs. Slow models are timed in fewer rounds, at least one.
    Raises SideEndedError when a process ends.
    """
    slowest = max(median(_turn(made, number, rows, _WARM_UP)) for number in range(len(made)))
    runs = max(1, min(_MOST_RUNS, ceil(_ROUND / max(slowest, 1e-9))))
    one = len(made) * (runs * slowest + overhead)
    rounds = max(_LEAST_ROUNDS, min(_MOST_ROUNDS, int(_SECONDS / one)))
    rounds = max(1, min(rounds, int(_SHARE * left() / one)))
    times: list[list[tuple[float, ...]]] = [[] for _ in made]
    for turn in range(rounds):
        # Who comes second finds caches as the other left them: that falls to each side as often.
        for number in range(len(made)) if turn % 2 == 0 else reversed(range(len(made))):
            times[number].append(_turn(made, number, rows, runs))
    return Times(rows, tuple(times[0]), tuple(times[1]) if len(made) > 1 else ())


def _turn(made: Sequence[Side], number: int, rows: int, runs: int) -> tuple[float, ...]:
    try:
        return made[number](rows, runs)
    except ModelEndedError as error:
        raise SideEndedError(error, stable=number == 1) from error


@contextmanager
def _loaded(subject: Subject, files: Sequence[Path], left: TimeLeft) -> Iterator[Side]:
    """Yield a side whose model is loaded, and has its batches."""
    with subject.started() as process:
        load(process, subject, left)
        make_batch(process, subject, files, left)

        def side(rows: int, runs: int) -> tuple[float, ...]:
            command = {"do": "time", "rows": rows, "runs": runs}
            return tuple(map(float, asked(process, subject, command, left)["seconds"]))

        for rows in (1, subject.runtime.most_rows):
            side(rows, _WARM_UP)
        yield side


def _anew(subject: Subject, files: Sequence[Path], left: TimeLeft) -> Side:
    """Return a side whose model is there for its turns only."""

    def side(rows: int, runs: int) -> tuple[float, ...]:
        with _loaded(subject, files, left) as loaded:
            return loaded(rows, runs)

    return side
