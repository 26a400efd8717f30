"""Stops a run on the event loop that takes far longer than expected, since nothing else is answered meanwhile."""

import threading
import time

from leadsman_serving.model import Stop


class Watchdog:
    """Stops what it watches after one to two times `seconds`. One thread tells it what to watch, one run at a time."""

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
        seen = None
        while True:
            time.sleep(self._seconds)
            run = self._watched
            if run is not None and run is seen:
                run.now()
            elif run is None and seen is None:
                # Two rounds without a run: no more rounds until there is one.
                self._asleep = True
                if self._watched is None:
                    self._wake.wait()
                self._asleep = False
                self._wake.clear()
            seen = run
