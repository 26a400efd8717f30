"""Stops a run on the event loop that takes far longer than expected, since nothing else is answered meanwhile."""

import threading
import time

from leadsman_serving.model import Stop

_LONGEST = 25
"""Times the seconds of computing: how long a run may take by the wall's clock, when it does not compute itself."""


class Watchdog:
    """Stops a run that has computed for about `seconds`. One thread tells it what to watch, one run at a time.

    The time that counts is that of the process: a container that has used up its share of the CPU stands still for
    longer than most runs take, which is not their fault.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._watched: Stop | None = None
        self._asleep = False
        self._wake = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def watch(self, run: Stop) -> None:
        """Begin to watch a run."""
        self._watched = run
        if self._asleep:
            self._wake.set()

    def rest(self) -> None:
        """The run is over."""
        self._watched = None

    def _watch(self) -> None:
        while True:
            run = self._watched
            if run is None:
                self._sleep()
                continue
            computed, began = time.process_time(), time.monotonic()
            while self._watched is run and not run.stopped:
                time.sleep(self._seconds)
                if (
                    time.process_time() - computed >= self._seconds
                    or time.monotonic() - began >= _LONGEST * self._seconds
                ) and self._watched is run:
                    run.now()

    def _sleep(self) -> None:
        """Wait until there is a run; while runs come one after the other, look again after a while."""
        time.sleep(self._seconds)
        if self._watched is None:
            self._asleep = True
            if self._watched is None:
                self._wake.wait()
            self._asleep = False
            self._wake.clear()
