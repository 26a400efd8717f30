"""The wall clock of the demo: one place reads it, so that all records agree."""

import time


def now() -> float:
    """Return the time, Unix seconds."""
    return time.time()  # noqa: TID251 - the demo is no part of the core, which is told the time
