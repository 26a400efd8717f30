"""Log lines that a failing model may repeat thousands of times a second."""

import logging
import time

_EVERY = 10.0  # seconds


class ThrottledLog:
    """Writes the first warning at once, then at most one every ten seconds with the number of those left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._next = 0.0
        self._left_out = 0

    def warn(self, message: str) -> None:
        """Log the message, or count it."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        more = f" (and {self._left_out} more since the last such line)" if self._left_out else ""
        self._log.warning("%s%s", message, more)
        self._next, self._left_out = now + _EVERY, 0
