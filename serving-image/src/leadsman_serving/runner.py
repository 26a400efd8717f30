"""Runs of the model: when they begin, where they happen, which requests share one, and when one has taken too long."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import inf
from time import monotonic  # uvloop's own clock stands still within a round, and knows milliseconds only

from leadsman_serving.batch import Queue, Ran, Run, Waiting, put_back, run_together, take, wait
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


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Requests in a run on a thread, which `stop` ends before its time.

    A `gathering` one is no larger than the best batch, so that who comes meanwhile does well to wait for the next.
    """

    members: Sequence[Waiting]
    stop: Stop
    gathering: bool


class Runner:
    """Runs one `model`. Requests that have to wait for a run share the next one where that helps. Belongs to one loop.

    `in_flight` tells how many requests the server is answering; those that are not here are on their way. `ran` is told
    of each run: how many requests it answered, none when it failed for several, and how many seconds it took.
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
        self._batch_elements = model.calibration.elements * self._rows
        self._best = model.calibration.elements * model.calibration.rows
        self._loop = asyncio.get_running_loop()
        self._queue = Queue()
        self._running: list[_Batch] = []
        self._watchdog = Watchdog(_STALL_SECONDS)
        self._trust()
        self._beginning = False
        self._lingering: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf

    async def run(self, feed: Feed, outputs: tuple[str, ...], seconds: float) -> Ran:
        """Return what the model makes of this.

        Raises ServingError: internal when it fails, deadline exceeded when that took more than so many seconds.
        """
        elements = elements_of(feed)
        # What is half a batch by itself gains nothing by another half.
        gains = self._rows > 1 and 2 * elements < self._batch_elements and self._in_flight() > 1
        if elements <= self._quick and not gains:
            ran = self._run_at_once(feed, outputs)
            if ran is not None:
                return ran
        now = monotonic()
        waiting = wait(feed, outputs, elements, now, now + seconds, self._loop.create_future())
        self._queue[waiting] = None
        self._watch_until(waiting.deadline)
        self._begin_soon()
        try:
            return await waiting.answer
        finally:
            self._queue.pop(waiting, None)
            if waiting.answer.cancelled():
                self._stop_abandoned()

    def _run_at_once(self, feed: Feed, outputs: tuple[str, ...]) -> Ran | None:
        """Run the model on the event loop, and return None when it was stopped because that took too long."""
        began = monotonic()
        try:
            with self._watchdog as stop:
                arrays = self.model.run(feed, outputs, stop)
        except ServingError:
            self._ran(0 if stop.stopped else 1, monotonic() - began)
            if not stop.stopped:
                raise
            self._distrust()
            return None
        computed = monotonic() - began
        if stop.stopped:
            self._distrust()
        self._ran(1, computed)
        return Ran(arrays, began, 0.0, computed, 1)

    def _begin_soon(self) -> None:
        """Begin a run when all that is ready on the loop has been done, which may bring more requests for it."""
        if not self._beginning:
            self._beginning = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._beginning = False
        members = self._next()
        if not members:
            return
        elements = sum(member.elements for member in members)
        if elements > self._quick or not self._run_here(members):
            self._run_there(_Batch(members, Stop(), gathering=elements <= self._best))
        if self._queue:
            self._begin_soon()

    def _next(self) -> list[Waiting]:
        """Return who shares the next run. While the threads are busy, a quick one may still be had beside long ones."""
        busy = len(self._running) >= self._limits.workers
        if busy and (not self._quick or any(batch.gathering for batch in self._running)):
            return []
        if self._lingers():
            return []
        return take(self._queue, self._rows, self._limits.batch_bytes, self._quick if busy else inf)

    def _run_here(self, members: Sequence[Waiting]) -> bool:
        """Run the model on the event loop, and return False when it was stopped because that took too long."""
        with self._watchdog as stop:
            run = run_together(self.model, members, stop, monotonic)
        if stop.stopped:
            self._distrust()
            if run.failed:
                self._ran(0, run.computed)
                return False
        self._finish(members, run)
        return True

    def _run_there(self, batch: _Batch) -> None:
        """Run the model on a thread."""

        def finish(running: asyncio.Future[Run]) -> None:
            self._running.remove(batch)
            self._finish(batch.members, running.result())

        self._running.append(batch)
        running = self._loop.run_in_executor(self._pool, run_together, self.model, batch.members, batch.stop, monotonic)
        running.add_done_callback(finish)

    def _distrust(self) -> None:
        self._quick = 0
        self._loop.call_later(_DISTRUST_SECONDS, self._trust)

    def _trust(self) -> None:
        self._quick = self.model.calibration.most_elements(INLINE_SECONDS)

    def _lingers(self) -> bool:
        """Whether to wait a little for requests that are being received; one that is alone does not."""
        if not self._limits.batch_delay or not self._queue or len(self._queue) >= self._rows:
            return False
        running = sum(not member.answer.done() for batch in self._running for member in batch.members)
        coming = self._in_flight() - len(self._queue) - running
        until = next(iter(self._queue)).since + self._limits.batch_delay
        if coming <= 0 or monotonic() >= until:
            return False
        if self._lingering is None:
            self._lingering = self._loop.call_later(until - monotonic(), self._look_again)
        return True

    def _look_again(self) -> None:
        self._lingering = None  # uvloop's timers may also be early: then there is another
        self._begin_soon()

    def _finish(self, members: Sequence[Waiting], run: Run) -> None:
        """Answer who shared the run, or have them try again."""
        if run.outcomes is None:
            self._ran(0, run.computed)
            put_back(self._queue, members)
        else:
            self._ran(len(members), run.computed)
            for member, outcome in zip(members, run.outcomes, strict=True):
                if member.answer.done():
                    continue
                if isinstance(outcome, Exception):
                    member.answer.set_exception(outcome)
                else:
                    queued = run.began - member.since
                    member.answer.set_result(Ran(outcome, run.began, queued, run.computed, len(members)))
        if self._queue:
            self._begin_soon()

    def _watch_until(self, deadline: float) -> None:
        """Have the alarm go off no later than at this deadline."""
        if deadline == inf or (self._alarm is not None and self._alarm_at <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = deadline
        self._alarm = self._loop.call_later(deadline - monotonic(), self._expire)

    def _expire(self) -> None:
        """Answer those whose deadline has passed, and watch for the next."""
        self._alarm = None
        now = monotonic()
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
