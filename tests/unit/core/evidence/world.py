"""A world to observe: pods with cumulative counters, and requests that fail or are slow at random."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import Verdict
from leadsman.core.evidence import EvidenceSpec, Histogram, PodSample, begin, judge, update

BOUNDS = (*(round(0.005 * 1.2**i, 6) for i in range(40)), inf)

Latencies = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


def lognormal(median: float, sigma: float = 0.4) -> Latencies:
    """Draw latencies with that median, in seconds."""
    return lambda random, n: random.lognormal(np.log(median), sigma, n)


@dataclass
class Pod:
    """The counters of one pod."""

    name: str
    revision: str
    started: float
    latencies: Latencies | None = None
    requests: int = 0
    errors: int = 0
    buckets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS), dtype=np.int64))

    def serve(self, random: np.random.Generator, requests: int, errors: int) -> None:
        """Answer requests."""
        self.requests += requests
        self.errors += errors
        if self.latencies is not None:
            drawn = self.latencies(random, requests - errors)
            self.buckets += np.searchsorted(np.sort(drawn), BOUNDS, side="right")

    def sample(self) -> PodSample:
        """Scrape the pod."""
        latency = Histogram() if self.latencies is None else Histogram(BOUNDS, tuple(self.buckets.tolist()))
        return PodSample(self.name, self.started, self.revision, self.requests, self.errors, latency)


@dataclass(frozen=True)
class Traffic:
    """What is sent, and how both revisions answer.

    `clump` errors come together; `outage` is (first look, look after the last, error rate of both revisions).
    """

    rps: float
    weights: tuple[float, ...] = (0.1, 0.3, 0.5)
    candidate_errors: float = 0.005
    stable_errors: float = 0.005
    clump: int = 1
    candidate_latency: Latencies | None = None
    stable_latency: Latencies | None = None
    outage: tuple[int, int, float] = (0, 0, 0.0)
    looks: int = 360
    seconds: float = 10.0


def scrapes(traffic: Traffic, seed: int) -> Iterator[tuple[float, list[PodSample]]]:
    """Yield, look by look, the time and what the pods say."""
    random = np.random.default_rng(seed)
    stable = Pod("stable", "v1", -1000.0, traffic.stable_latency)
    candidate = Pod("candidate", "v2", 1.0, traffic.candidate_latency)
    stable.serve(random, 500, 2)
    yield 0.0, [stable.sample()]
    for look in range(traffic.looks):
        weight = traffic.weights[look * len(traffic.weights) // traffic.looks]
        first, last, failing = traffic.outage
        for pod, share, errors in (
            (candidate, weight, traffic.candidate_errors),
            (stable, 1 - weight, traffic.stable_errors),
        ):
            requests = int(random.poisson(traffic.rps * traffic.seconds * share))
            rate = failing if first <= look < last else errors
            clumps = int(random.binomial(requests, rate / traffic.clump))
            pod.serve(random, requests, min(requests, clumps * traffic.clump))
        yield (look + 1) * traffic.seconds, [candidate.sample(), stable.sample()]


@dataclass(frozen=True)
class Outcome:
    """How a rollout went: its verdict, after how many seconds, and what the candidate answered until then."""

    verdict: Verdict
    seconds: float
    requests: int
    errors: int


def roll_out(spec: EvidenceSpec, traffic: Traffic, seed: int, until: frozenset[Verdict]) -> Outcome:
    """Look at the pods until the verdict is one of `until`, or the looks are over."""
    state = begin("v2", "v1", 0.0)
    verdict, now, samples = Verdict.COLLECTING, 0.0, list[PodSample]()
    for now, samples in scrapes(traffic, seed):
        before, state = state, update(spec, state, samples, {"stable", "candidate"}, now)
        if state.comparisons != before.comparisons:
            verdict = judge(spec, state, now).verdict
        if verdict in until:
            break
    return Outcome(verdict, now, samples[0].requests, samples[0].errors)
