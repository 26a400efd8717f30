"""Serving pods reduced to their counters: as text with timestamps, or as a page that a server scrapes."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from serving.clock import wall_clock
from support import loopback

BOUNDS = tuple(round(0.001 * 1.5**number, 6) for number in range(16))


@dataclass(frozen=True)
class Traffic:
    """So many requests a second from one moment (Unix seconds) to another, and the share of them that fails."""

    rps: float
    errors: float
    start: float
    end: float = float("inf")
    seconds: float = 0.01
    """How long an answer takes."""

    def until(self, at: float) -> tuple[int, int]:
        """Requests and errors until a moment."""
        requests = int(max(0.0, min(at, self.end) - self.start) * self.rps)
        return requests, int(requests * self.errors)


@dataclass(frozen=True)
class Pod:
    """A pod that serves a revision of the model "fraud" from `started` until it leaves.

    From `restarted` on it counts afresh.
    """

    name: str
    revision: str
    started: float
    traffic: tuple[Traffic, ...]
    restarted: float = float("inf")
    left: float = float("inf")
    labels: dict[str, str] = field(default_factory=dict)

    def samples(self, at: float) -> dict[str, list[tuple[str, float]]]:
        """Each metric's series at a moment, as labels and value."""
        if not self.started <= at < self.left:
            return {}
        requests, errors, buckets = self._counts(at)
        if at >= self.restarted:
            before = self._counts(self.restarted)
            requests, errors = requests - before[0], errors - before[1]
            buckets = [count - then for count, then in zip(buckets, before[2], strict=True)]
        own = {**self.labels, "model": "fraud", "revision": self.revision}
        rising = list(accumulate(buckets))
        bounds = [*map(str, BOUNDS), "+Inf"]
        start = self.restarted if at >= self.restarted else self.started
        return {
            "leadsman_serving_requests_total": [
                (_labels(own | {"code": "200"}), requests - errors),
                (_labels(own | {"code": "500"}), errors),
            ],
            "leadsman_serving_request_duration_seconds_bucket": [
                (_labels(own | {"le": bound}), count) for bound, count in zip(bounds, rising, strict=True)
            ],
            "process_start_time_seconds": [(_labels(self.labels), start)],
        }

    def _counts(self, at: float) -> tuple[int, int, list[int]]:
        requests = errors = 0
        buckets = [0] * (len(BOUNDS) + 1)
        for traffic in self.traffic:
            asked, failed = traffic.until(at)
            requests, errors = requests + asked, errors + failed
            buckets[bisect_left(BOUNDS, traffic.seconds)] += asked - failed
        return requests, errors, buckets


def past(pods: list[Pod], start: float, end: float, step: float) -> str:
    """What a server would have scraped, as OpenMetrics text: one metric after the other, each in the order of time."""
    lines: dict[str, list[str]] = {}
    at = start
    while at <= end:
        for pod in pods:
            for name, series in pod.samples(at).items():
                lines.setdefault(name, []).extend(f"{name}{labels} {value} {at:.3f}" for labels, value in series)
        at += step
    text = []
    for name, samples in lines.items():
        kind = "gauge" if name == "process_start_time_seconds" else "unknown"
        text += [f"# TYPE {name} {kind}", *samples]
    return "\n".join([*text, "# EOF\n"])


@contextmanager
def served(pod: Pod) -> Iterator[str]:
    """Serve a pod's counters of the moment; yields the address."""

    class Page(loopback.Handler):
        def do_GET(self) -> None:
            samples = pod.samples(wall_clock())
            body = "".join(f"{name}{labels} {value}\n" for name, series in samples.items() for labels, value in series)
            self.answer(body.encode(), "text/plain; version=0.0.4")

    with loopback.serving(Page) as address:
        yield address.removeprefix("http://")


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
