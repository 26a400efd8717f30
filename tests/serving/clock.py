"""Time as the server sees it, and as a test likes it."""

import time


def wall_clock() -> float:
    """What the server's own clock says, in Unix seconds."""
    return time.time()  # noqa: TID251 - a real server is not told the time


class Clock:
    """Unix seconds that pass when a test says so. Starts at the beginning of a minute."""

    def __init__(self) -> None:
        self.now = 1_000_000 * 60.0

    def __call__(self) -> float:
        return self.now

    @property
    def minute(self) -> int:
        return int(self.now // 60)
