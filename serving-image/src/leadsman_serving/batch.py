"""Which of the requests that wait are run together, and what each gets of it. Pure but for the model itself."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import NamedTuple

from leadsman_serving.errors import ServingError
from leadsman_serving.model import OnnxModel, Stop
from leadsman_serving.rows import Feed, join, row_shapes, rows_of, split
from leadsman_serving.tensors import Array

_LOOK_AHEAD = 4
"""Times the most rows of a run: how many requests behind the first are looked at for such as can be run with it."""

Outcome = list[Array] | Exception
"""The outputs for one request, or why there are none."""


class Ran(NamedTuple):
    """The outputs of a run, when it began by the loop's clock, how long the request had waited for it and the model
    computed (seconds), and how many requests it answered.
    """

    arrays: list[Array]
    began: float
    queued: float
    computed: float
    requests: int


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits for a run or is in one; `since` and `deadline` are of the loop's clock, in seconds.

    `kind` is equal for requests that can be run together, `rows` and `size` (bytes) are those of its inputs. `company`
    is the most requests that a run with it may have, for one whose run has failed.
    """

    feed: Feed
    outputs: tuple[str, ...]
    elements: int
    since: float
    deadline: float
    answer: asyncio.Future[Ran]
    kind: object
    rows: int
    size: int
    company: int = sys.maxsize


Queue = OrderedDict[Waiting, None]
"""Requests in the order of their turns, each of which can leave at any time for little."""


class Run(NamedTuple):
    """A run: the outcome for each of its requests, None when it failed for several; when it began, and its seconds."""

    outcomes: Sequence[Outcome] | None
    began: float
    computed: float

    @property
    def failed(self) -> bool:
        """Whether the model gave nothing."""
        return self.outcomes is None or isinstance(self.outcomes[0], Exception)


def wait(
    feed: Feed, outputs: tuple[str, ...], elements: int, since: float, deadline: float, answer: asyncio.Future[Ran]
) -> Waiting:
    """Return a request that waits, with what has to be known of it whenever a run begins."""
    size = sum(array.nbytes for array in feed.values())
    return Waiting(feed, outputs, elements, since, deadline, answer, (outputs, row_shapes(feed)), rows_of(feed), size)


def take(queue: Queue, most_rows: int, most_bytes: int, most_elements: float = inf) -> list[Waiting]:
    """Remove and return the first request of the queue, and those behind it that can be run together with it.

    Together they have at most `most_rows` rows and inputs of `most_bytes`; one by itself may have more. Requests with
    more than `most_elements`, which holds for all together, are passed over, and so are those that nobody waits for any
    more. The others keep their order.
    """
    turns = iter(queue)
    first = next((each for each in turns if each.elements <= most_elements and not each.answer.done()), None)
    if first is None:
        return []
    taken, rows, size, elements = [first], first.rows, first.size, first.elements
    if 0 < rows < most_rows and first.company > 1:
        for other in islice(turns, _LOOK_AHEAD * most_rows):
            if (
                0 < other.rows <= most_rows - rows
                and size + other.size <= most_bytes
                and elements + other.elements <= most_elements
                and other.company == first.company
                and other.kind == first.kind
                and not other.answer.done()
            ):
                taken.append(other)
                rows, size, elements = rows + other.rows, size + other.size, elements + other.elements
                if rows == most_rows or len(taken) == first.company:
                    break
    for waiting in taken:
        del queue[waiting]
    return taken


def put_back(queue: Queue, members: Sequence[Waiting]) -> None:
    """Have those whose run failed for all try again in halves, before all others.

    What is wrong with one request must not fail the others, and is found in fewer runs than one for each.
    """
    company = (len(members) + 1) // 2
    for member in reversed(members):
        if not member.answer.done():
            member.company = company
            queue[member] = None
            queue.move_to_end(member, last=False)


def run_together(model: OnnxModel, members: Sequence[Waiting], stop: Stop, clock: Callable[[], float]) -> Run:
    """Run the model once, for all of them. `clock` gives seconds."""
    began = clock()
    outcomes = _outcomes(model, members, stop)
    return Run(outcomes, began, clock() - began)


def _outcomes(model: OnnxModel, members: Sequence[Waiting], stop: Stop) -> Sequence[Outcome] | None:
    try:
        if len(members) == 1:
            return [model.run(members[0].feed, members[0].outputs, stop)]
        arrays = model.run(join([member.feed for member in members]), members[0].outputs, stop)
        return split(arrays, [member.rows for member in members])
    except (ServingError, MemoryError) as error:
        return [error] if len(members) == 1 else None
    except Exception as error:  # a bug of ours: whoever waits has to be told of it
        return [error for _ in members]
