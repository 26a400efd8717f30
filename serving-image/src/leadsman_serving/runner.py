"""Runs of the model: when they begin, where they happen, which requests share one, and when one has taken too long."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from math import inf

from leadsman_serving.batch import Batch, Outcome, Ran, Waiting, run_together, take
from leadsman_serving.calibration import elements_of
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.model import OnnxModel, Stop
from leadsman_serving.rows import Feed
from leadsman_serving.watchdog import Watchdog

INLINE_SECONDS = 0.002
"""Runs expected to take at most this long stay on the event loop; serving-image/README.md has the measurement."""


_STALL_SECONDS = 0.02
"""A run that keeps the event loop computing for longer is stopped, and begun again on a thread."""
_DISTRUST_SECONDS = 10.0
"""How long all runs are on threads after that: it was not the number of elements that made it long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`workers` runs happen at once. One for several requests has at most `batch_bytes` of inputs, and waits at most
    `batch_delay` seconds for those that are still being received.
    """

    workers: int
    batch_bytes: int
    batch_delay: float


class Runner:
    """Runs one `model`. Requests that have to wait for a run share the next one where that helps. Belongs to one loop.

    `in_flight` tells how many requests the server is answering; those that are not here are on their way. `ran` is told
    of each run: how many requests it answered, and how many seconds it took.
    """

    def __init__(
        self,
        model: OnnxModel,
        pool: Executor,
        limits: Limits,
        in_flight: Callable[[], int],
        ran: Callable[[int, float], None],
    ) -> None:
        self.model = model
        self._pool = pool
        self._limits = limits
        self._in_flight = in_flight
        self._ran = ran
        self._rows = model.calibration.rows
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Waiting] = deque()
        self._running: list[Batch] = []
        self._watchdog = Watchdog(_STALL_SECONDS)
        self._trust()
        self._beginning = False
        self._lingering: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def run(self, feed: Feed, outputs: tuple[str, ...], seconds: float) -> Ran:
        """Return what the model makes of this.

        Raises ServingError: internal when it fails, deadline exceeded when that took more than so many seconds.
        """
        elements = elements_of(feed)
        if elements <= self._quick and (self._rows == 1 or self._in_flight() <= 1):
            ran = self._run_here(feed, outputs)
            if ran is not None:
                return ran
        now = self._loop.time()
        waiting = Waiting(feed, outputs, elements, now, now + seconds, self._loop.create_future())
        self._queue.append(waiting)
        self._watch_until(waiting.deadline)
        self._begin_soon()
        try:
            return await waiting.answer
        finally:
            if waiting.answer.cancelled():
                self._stop_abandoned()

    def _run_here(self, feed: Feed, outputs: tuple[str, ...]) -> Ran | None:
        """Run the model on the event loop, and return None when it was stopped because that took too long."""
        began = self._loop.time()
        try:
            with self._watchdog as stop:
                arrays = self.model.run(feed, outputs, stop)
        except ServingError:
            if not stop.stopped:
                raise
            self._distrust()
            return None
        computed = self._loop.time() - began
        self._ran(1, computed)
        return Ran(arrays, began, 0.0, computed, 1)

    def _begin_soon(self) -> None:
        """Begin a run when all that is ready on the loop has been done, which may bring more requests for it."""
        if not self._beginning:
            self._beginning = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._beginning = False
        if len(self._running) >= self._limits.workers or self._lingers():
            return
        members = take(self._queue, self._rows, self._limits.batch_bytes)
        if not members:
            return
        batch = Batch(members, Stop(), self._loop.time())
        self._running.append(batch)
        if not (batch.elements <= self._quick and self._finish_here(batch)):
            computing = self._loop.run_in_executor(self._pool, self._compute, batch, batch.stop)
            computing.add_done_callback(lambda done: self._finish(batch, done.result()))
        if self._queue:
            self._begin_soon()

    def _finish_here(self, batch: Batch) -> bool:
        """Run the batch on the event loop, and return False when it was stopped because that took too long."""
        with self._watchdog as stop:
            outcomes = self._compute(batch, stop)
        if stop.stopped:
            self._distrust()
            return False
        self._finish(batch, outcomes)
        return True

    def _distrust(self) -> None:
        self._quick = 0
        self._loop.call_later(_DISTRUST_SECONDS, self._trust)

    def _trust(self) -> None:
        self._quick = self.model.calibration.most_elements(INLINE_SECONDS)

    def _lingers(self) -> bool:
        """Whether to wait a little for requests that are being received; one that is alone does not."""
        if not self._limits.batch_delay or not self._queue or len(self._queue) >= self._rows:
            return False
        coming = self._in_flight() - len(self._queue) - sum(len(batch.members) for batch in self._running)
        until = self._queue[0].since + self._limits.batch_delay
        if coming <= 0 or self._loop.time() >= until:
            return False
        if self._lingering is None or self._lingering.when() < until:
            self._lingering = self._loop.call_at(until, self._begin_soon)
        return True

    def _compute(self, batch: Batch, stop: Stop) -> list[Outcome]:
        try:
            return run_together(self.model, batch.members, stop)
        except Exception as error:  # a bug of ours: whoever waits has to be told of it
            return [error for _ in batch.members]

    def _finish(self, batch: Batch, outcomes: list[Outcome]) -> None:
        self._running.remove(batch)
        computed = self._loop.time() - batch.began
        self._ran(len(batch.members), computed)
        for member, outcome in zip(batch.members, outcomes, strict=True):
            if member.answer.done():
                continue
            if isinstance(outcome, Exception):
                member.answer.set_exception(outcome)
            else:
                queued = batch.began - member.since
                member.answer.set_result(Ran(outcome, batch.began, queued, computed, len(batch.members)))
        if self._queue:
            self._begin_soon()

    def _watch_until(self, deadline: float) -> None:
        """Have the alarm go off no later than at this deadline."""
        if deadline == inf or (self._alarm is not None and self._alarm.when() <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        """Answer those whose deadline has passed, and watch for the next."""
        self._alarm = None
        now = self._loop.time()
        unanswered = [member for batch in self._running for member in batch.members if not member.answer.done()]
        for waiting in [*unanswered, *self._queue]:
            if waiting.deadline > now:
                self._watch_until(waiting.deadline)
            elif not waiting.answer.done():
                waiting.answer.set_exception(_too_late(waiting))
        self._stop_abandoned()

    def _stop_abandoned(self) -> None:
        """Compute no further what nobody waits for any more."""
        for batch in self._running:
            if all(member.answer.done() for member in batch.members):
                batch.stop.now()


def _too_late(waiting: Waiting) -> ServingError:
    seconds = waiting.deadline - waiting.since
    return ServingError(Code.DEADLINE_EXCEEDED, f"the model had no answer within the {seconds:.3g} s that it had")
