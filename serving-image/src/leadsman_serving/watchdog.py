"""Stops a run on the event loop that takes far longer than expected, since nothing else is answered meanwhile."""

import threading
import time

from leadsman_serving.model import Stop

_LONGEST = 25
"""Times the seconds of computing: how long a run may take by the wall's clock, when it does not compute itself."""


def takes_too_long(computed: float, passed: float, seconds: float) -> bool:
    """Whether to stop a run that may compute for `seconds`, when the process has computed and the time passed so long.

    The time that counts is that of the process: a container that has used up its share of the CPU stands still for
    longer than most runs take, which is not their fault.
    """
    return computed >= seconds or passed >= _LONGEST * seconds


class Watchdog:
    """Stops a run that has computed for about `seconds`. One thread tells it what to watch, one run at a time.

    The run may succeed all the same: ONNX Runtime looks only between two operators whether it is to stop.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stop = Stop()
        self._run = 0
        self._running = False
        self._asleep = False
        self._wake = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def __enter__(self) -> Stop:
        """Begin to watch a run, which has to be given what this returns."""
        if self._stop.stopped:
            self._stop = Stop()
        self._run += 1
        self._running = True
        if self._asleep:
            self._wake.set()
        return self._stop

    def __exit__(self, *_: object) -> None:
        """The run is over."""
        self._running = False

    def _watch(self) -> None:
        while True:
            self._wait_for_a_run()
            run, stop = self._run, self._stop
            computed, began = time.process_time(), time.monotonic()
            while self._is_on(run) and not stop.stopped:
                time.sleep(self._seconds)
                times = time.process_time() - computed, time.monotonic() - began
                if takes_too_long(*times, self._seconds) and self._is_on(run):
                    stop.now()

    def _is_on(self, run: int) -> bool:
        return self._running and self._run == run

    def _wait_for_a_run(self) -> None:
        """Look now and then while runs come one after the other, and sleep when none does."""
        time.sleep(self._seconds)
        if not self._running:
            self._asleep = True
            if not self._running:
                self._wake.wait()
            self._asleep = False
            self._wake.clear()
