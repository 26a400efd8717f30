"""The operator's clocks. The only reader of the machine's."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def wall_clock() -> datetime:
    """What time it is. It may be set while we run, so nothing but what people read goes by it."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


def uptime() -> float:
    """Seconds since the machine was started, sleep included; nobody can set it."""
    # Where there is no such clock, a machine that sleeps is somebody's own.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def steady_clock(
    wall: Callable[[], datetime] = wall_clock, elapsed: Callable[[], float] = uptime
) -> Callable[[], datetime]:
    """Make a clock that is right at first, and goes on evenly whatever the machine's is set to.

    No deadline of a rollout is over because somebody has set a clock. Whole seconds: what is stored is what was
    decided by.
    """
    began, at = wall(), elapsed()
    return lambda: (began + timedelta(seconds=elapsed() - at)).replace(microsecond=0)
