"""Which of the requests that wait are run together, and what each gets of it. Pure but for the model itself."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from leadsman_serving.errors import ServingError
from leadsman_serving.model import OnnxModel, Stop
from leadsman_serving.rows import Feed, join, row_shapes, rows_of, split
from leadsman_serving.tensors import Array

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
    """A request that waits for a run or is in one; `since` and `deadline` are of the loop's clock, in seconds."""

    feed: Feed
    outputs: tuple[str, ...]
    elements: int
    since: float
    deadline: float
    answer: asyncio.Future[Ran]

    @property
    def kind(self) -> object:
        """What is equal for requests that can be run together."""
        return self.outputs, row_shapes(self.feed)


@dataclass(slots=True, eq=False)
class Batch:
    """Requests that one run answers, `began` by the loop's clock; `stop` ends it before its time."""

    members: list[Waiting]
    stop: Stop
    began: float

    @property
    def elements(self) -> int:
        """Of all inputs."""
        return sum(member.elements for member in self.members)


def take(queue: deque[Waiting], most_rows: int, most_bytes: int) -> list[Waiting]:
    """Remove and return the first request of the queue, and those behind it that can be run together with it.

    Together they have at most `most_rows` rows and inputs of `most_bytes`; one by itself may have more. Those that
    nobody waits for any more are removed too. The others keep their order.
    """
    while queue and queue[0].answer.done():
        queue.popleft()
    if not queue:
        return []
    first = queue.popleft()
    taken, rows, size = [first], rows_of(first.feed), _bytes(first.feed)
    if not 0 < rows < most_rows:
        return taken
    left: list[Waiting] = []
    kind = first.kind
    while queue and rows < most_rows:
        other = queue.popleft()
        if other.answer.done():
            continue
        more = rows_of(other.feed)
        if more and rows + more <= most_rows and size + _bytes(other.feed) <= most_bytes and other.kind == kind:
            taken.append(other)
            rows, size = rows + more, size + _bytes(other.feed)
        else:
            left.append(other)
    queue.extendleft(reversed(left))
    return taken


def run_together(model: OnnxModel, batch: Sequence[Waiting], stop: Stop) -> list[Outcome]:
    """Return the outputs for each request, or why it failed.

    What fails together is tried one by one: what is wrong with one request must not fail the others.
    """
    if len(batch) > 1:
        feeds = [member.feed for member in batch]
        try:
            arrays = model.run(join(feeds), batch[0].outputs, stop)
        except (ServingError, MemoryError):
            parts = None
        else:
            parts = split(arrays, [rows_of(feed) for feed in feeds])
        if parts is not None:
            return list(parts)
    return [_run_alone(model, member, stop) for member in batch]


def _run_alone(model: OnnxModel, member: Waiting, stop: Stop) -> Outcome:
    try:
        return model.run(member.feed, member.outputs, stop)
    except ServingError as error:
        return error


def _bytes(feed: Feed) -> int:
    return sum(array.nbytes for array in feed.values())
