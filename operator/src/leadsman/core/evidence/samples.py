"""What a look at the serving pods brings, and the little of it that evidence is made of."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadsman.api.evidence import LatencyBound


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
class Feedback:
    """Answers of one revision that users have judged, and those among them that were wrong."""

    labelled: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class PodSample:
    """The raw cumulative counters of one serving pod at one scrape.

    `pod` is the pod's UID, `started` the start of the serving process in Unix seconds (`process_start_time_seconds`):
    another start is another set of counters. `requests` counts all answered infer requests, `errors` those answered
    with anything but 2xx, `latency` those answered with 2xx. `predictions` are counted per class. `feedback` is what
    the pod was told about the answers of each revision, not only of its own.
    """

    pod: str
    started: float
    revision: str
    requests: int
    errors: int
    latency: Histogram = Histogram()
    predictions: Mapping[str, int] = field(default_factory=dict)
    feedback: Mapping[str, Feedback] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LivePod:
    """A pod that exists, of any revision. `restarts` counts how often its containers have ended and were restarted."""

    pod: str
    revision: str
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Minute:
    """What the stable revision answered during one wall-clock minute before the rollout, all its pods together."""

    minute: int
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Requests that both revisions answered, and those among them on which they disagree."""

    compared: int = 0
    disagreed: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a Prometheus check was told; no value means that the server had none, or did not answer."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Sight:
    """All that one look brings: raw counters, before they are compared with those of the last look."""

    pods: Sequence[LivePod]
    samples: Sequence[PodSample]
    pairs: Pairs = Pairs()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What one revision did between two looks.

    `requests` it answered, `errors` among them; `answered` with 2xx, and `slower` of those than each latency bound;
    `labelled` by feedback, `wrong` among them; `predicted`, and `top` of those the class that stable predicts most;
    `crashes` of its containers in `pod_seconds` that its pods existed for.
    """

    requests: int = 0
    errors: int = 0
    answered: int = 0
    slower: tuple[int, ...] = ()
    labelled: int = 0
    wrong: int = 0
    predicted: int = 0
    top: int = 0
    crashes: int = 0
    pod_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """What happened between two looks, and what the engine chose by it: all that the next state depends on.

    A rollout is replayed from its looks alone. `at` is in Unix seconds; `seen` says whether any counters of the
    candidate could be read. `bounds` and `top_class` are there in the one look with which they were chosen.
    """

    at: float
    seen: bool = True
    candidate: ArmCounts = ArmCounts()
    stable: ArmCounts = ArmCounts()
    pairs: Pairs = Pairs()
    readings: tuple[Reading, ...] = ()
    bounds: tuple[LatencyBound, ...] = ()
    top_class: str | None = None
