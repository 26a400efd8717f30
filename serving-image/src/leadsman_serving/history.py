"""How many infer requests were answered in each minute of the last day, and how many of them badly.

The operator has to know how clumped a revision's errors are before another one gets traffic to be compared with it.
"""

from collections.abc import Callable

import orjson

MINUTES = 24 * 60
"""The most minutes that are remembered."""


class History:
    """Counts by wall-clock minute; `clock` gives Unix seconds. Forgotten when the process ends.

    One thread counts, others may read, without a lock: a reader sees whole minutes, and the last one as it fills.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = -1
        self._tick = [0, 0]
        self._ticks: dict[int, list[int]] = {}

    def count(self, *, failed: bool) -> None:
        """Count a request answered now."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._turn(minute)
        self._tick[0] += 1
        self._tick[1] += failed

    def ticks(self) -> list[tuple[int, int, int]]:
        """Return (minute, requests, errors) of the minutes with requests, oldest first; minutes since 1970 began."""
        now = int(self._clock() // 60)
        found = []
        for minute, tick in sorted(self._ticks.items()):
            # In this order, the other way round than they are written: never more errors than requests.
            errors, requests = tick[1], tick[0]
            if requests and now - MINUTES < minute <= now:
                found.append((minute, requests, errors))
        return found

    def document(self) -> bytes:
        """Return the body of GET /history."""
        return orjson.dumps({"seconds": 60, "ticks": self.ticks()})

    def _turn(self, minute: int) -> None:
        if len(self._ticks) >= MINUTES:
            # Later minutes can be there too, from before somebody set the clock back.
            self._ticks = {at: tick for at, tick in self._ticks.items() if minute - MINUTES < at <= minute}
        self._minute = minute
        self._tick = self._ticks.setdefault(minute, [0, 0])
