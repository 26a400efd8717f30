"""What a scrape of the serving pods brings, and what one tick makes of it."""

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """A cumulative latency histogram in the manner of Prometheus.

    `bounds` are in seconds, rising, and end with infinity; `counts[i]` is the number of answers no slower than
    `bounds[i]`.
    """

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """Number of answers."""
        return self.counts[-1] if self.counts else 0

    def slower_than(self, bound: float) -> int | None:
        """Return the number of answers slower than `bound`, or None where the histogram has no such bound."""
        at = bisect_left(self.bounds, bound)
        if at == len(self.bounds) or self.bounds[at] != bound:
            return None
        return self.total - self.counts[at]


@dataclass(frozen=True, slots=True)
class PodSample:
    """The raw cumulative counters of one serving pod at one scrape.

    `pod` is the pod's UID, `started` the start of the serving process in Unix seconds (`process_start_time_seconds`):
    another start is another set of counters. `requests` counts all answered infer requests, `errors` those answered
    with anything but 2xx, `latency` those answered with 2xx.
    """

    pod: str
    started: float
    revision: str
    requests: int
    errors: int
    latency: Histogram = Histogram()


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What one revision answered during a tick. `slower` has one number per latency bound, of `answered` requests."""

    requests: int = 0
    errors: int = 0
    answered: int = 0
    slower: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """What both revisions answered between two looks."""

    candidate: ArmCounts
    stable: ArmCounts
