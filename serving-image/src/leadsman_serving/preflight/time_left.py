"""How much time preflight has left, of all that it may take."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_LEAST = 0.001


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Tells the seconds until `deadline`, by `clock`: never quite none, so that what is asked for is at least begun."""

    deadline: float
    clock: Callable[[], float] = time.monotonic

    def __call__(self) -> float:
        """Return the seconds that are left."""
        return max(_LEAST, self.deadline - self.clock())
