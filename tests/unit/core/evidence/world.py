"""A world to observe: looks at random traffic, and pods whose cumulative counters can be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb, inf, sqrt

import numpy as np
import numpy.typing as npt

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.api.evidence import Evidence, Verdict
from leadsman.core.evidence import (
    ArmCounts,
    EvidenceSpec,
    Feedback,
    Histogram,
    LivePod,
    Look,
    Minute,
    Pairs,
    PodSample,
    Reading,
    Sight,
    absorb,
    begin,
    take,
    verdict,
)

CANDIDATE, STABLE = "v2", "v1"
FAIL = frozenset({Verdict.FAIL})
EITHER = frozenset({Verdict.FAIL, Verdict.PASS})
BOUNDS = (*(round(0.005 * 1.2**i, 6) for i in range(40)), inf)

EVERYTHING = EvidenceSpec(
    error_rate=ErrorRateCheck(objective=0.01),
    latency=LatencyCheck(),
    agreement=AgreementCheck(),
    quality=QualityCheck(),
    predictions=PredictionsCheck(),
    crashes=CrashesCheck(),
    prometheus=(PrometheusCheck(name="revenue", query="q", min=0.9),),
)
"""A policy with every kind of check."""

Answers = tuple[int, int]
Latencies = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


def lognormal(median: float, sigma: float = 0.4) -> Latencies:
    """Draw latencies with that median, in seconds."""
    return lambda random, n: random.lognormal(np.log(median), sigma, n)


@dataclass(frozen=True)
class Traffic:
    """What is sent, and how both revisions answer.

    `weights` are the candidate's shares of the steps, equally long; in a `shadow` it gets a copy of each request.
    `clump` errors come together; `outage` is (first look, look after the last, error rate of both revisions). The
    stable revision has `hours` of history.
    """

    rps: float
    weights: tuple[float, ...] = (0.1, 0.3, 0.5)
    candidate_errors: float = 0.005
    stable_errors: float = 0.005
    clump: int = 1
    outage: tuple[int, int, float] = (0, 0, 0.0)
    shadow: bool = False
    hours: int = 24
    looks: int = 360
    seconds: float = 10.0

    def history(self, random: np.random.Generator) -> list[Minute]:
        """Draw what the stable revision answered before the rollout."""
        requests = random.poisson(self.rps * 60, self.hours * 60)
        errors = self._errors(random, requests, np.full(len(requests), self.stable_errors))
        return [Minute(at, int(n), int(x)) for at, (n, x) in enumerate(zip(requests, errors, strict=True)) if n]

    def errors_by_look(self, random: np.random.Generator) -> Iterator[Look]:
        """Draw the looks in which anything was answered."""
        at = np.arange(self.looks)
        weights = np.array([self.weights[look * len(self.weights) // self.looks] for look in at])
        shares = (weights, np.ones(self.looks) if self.shadow else 1 - weights)
        in_outage = (at >= self.outage[0]) & (at < self.outage[1])
        arms = []
        for share, usual in zip(shares, (self.candidate_errors, self.stable_errors), strict=True):
            requests = random.poisson(self.rps * self.seconds * share)
            errors = self._errors(random, requests, np.where(in_outage, self.outage[2], usual))
            arms.append([ArmCounts(int(n), int(x)) for n, x in zip(requests, errors, strict=True)])
        for look, candidate, stable in zip(at, *arms, strict=True):
            if candidate.requests or stable.requests:
                yield Look(float(look + 1) * self.seconds, candidate=candidate, stable=stable)

    def _errors(
        self, random: np.random.Generator, requests: npt.NDArray[np.int64], rates: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        clumps = random.binomial(requests, np.minimum(1, rates / self.clump))
        return np.minimum(requests, clumps * self.clump)


@dataclass(frozen=True)
class Outcome:
    """How a rollout went: its verdict, after how many seconds, and what the candidate answered until then."""

    verdict: Verdict
    seconds: float
    requests: int
    errors: int


def watch(spec: EvidenceSpec, state: Evidence, looks: Iterable[Look], until: frozenset[Verdict] = FAIL) -> Outcome:
    """Show the looks until the verdict is one of `until`, or they are over."""
    said, now = Verdict.COLLECTING, 0.0
    requests = errors = 0
    for look in looks:
        state, now = absorb(spec, state, look), look.at
        requests, errors = requests + look.candidate.requests, errors + look.candidate.errors
        if until != FAIL or speaks_against_it(look):
            said = verdict(spec, state, now)
            if said in until:
                break
    return Outcome(said, now, requests, errors)


def speaks_against_it(look: Look) -> bool:
    """Whether a look may make a candidate fail: only one in which something went wrong."""
    candidate = look.candidate
    return bool(
        candidate.errors or any(candidate.slower) or candidate.wrong or candidate.predicted or candidate.crashes
    ) or bool(look.pairs.disagreed or look.readings)


def roll_out(spec: EvidenceSpec, traffic: Traffic, seed: int, until: frozenset[Verdict] = FAIL) -> Outcome:
    """Roll out on that traffic, on top of its history."""
    random = np.random.default_rng(seed)
    state = begin(spec, CANDIDATE, STABLE, 0.0, traffic.history(random))
    return watch(spec, state, traffic.errors_by_look(random), until)


def outcomes(spec: EvidenceSpec, traffic: Traffic, runs: int, until: frozenset[Verdict] = FAIL) -> list[Outcome]:
    """Roll out so many times, each with its own seed."""
    return [roll_out(spec, traffic, seed, until) for seed in range(runs)]


def share(results: Sequence[Outcome], wanted: Verdict) -> float:
    """Return the share of rollouts that ended with that verdict."""
    return sum(result.verdict is wanted for result in results) / len(results)


def at_most(rate: float, runs: int) -> float:
    """Return the share that is three standard deviations above the expected one."""
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


def binomial(events: int, requests: int, rate: float) -> float:
    """Return the probability of so many events."""
    return comb(requests, events) * rate**events * (1 - rate) ** (requests - events)


def update(spec: EvidenceSpec, state: Evidence, sight: Sight, now: float) -> Evidence:
    """Return the evidence after one look at the pods, as the operator takes it."""
    found, marked = take(spec, state, sight, now)
    return absorb(spec, marked, found)


def look(candidate: Answers, stable: Answers, at: float = 0.0) -> Look:
    """Return a look with (requests, errors) of both revisions."""
    return Look(at, candidate=ArmCounts(*candidate), stable=ArmCounts(*stable))


def after(spec: EvidenceSpec, *looks: Look, history: Sequence[Minute] = (), seconds: float = 10.0) -> Evidence:
    """Return the evidence after looks so many seconds apart, whatever time they give."""
    state = begin(spec, CANDIDATE, STABLE, 0.0, history)
    for number, one in enumerate(looks, start=1):
        state = absorb(spec, state, replace(one, at=number * seconds))
    return state


QUIET_DAY = [Minute(minute, 1000, 5) for minute in range(1440)]
"""A history of errors that come independently and evenly."""


@dataclass
class Pod:
    """One pod and its counters."""

    name: str
    revision: str
    started: float = 1.0
    latencies: Latencies | None = None
    requests: int = 0
    errors: int = 0
    restarts: int = 0
    buckets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS), dtype=np.int64))
    predictions: dict[str, int] = field(default_factory=dict)
    feedback: dict[str, Feedback] = field(default_factory=dict)

    def serve(self, random: np.random.Generator, requests: int, errors: int = 0) -> None:
        """Answer requests."""
        self.requests += requests
        self.errors += errors
        if self.latencies is not None:
            drawn = self.latencies(random, requests - errors)
            self.buckets += np.searchsorted(np.sort(drawn), BOUNDS, side="right")

    def predict(self, counts: Mapping[str, int]) -> None:
        """Predict classes so many times."""
        for name, times in counts.items():
            self.predictions[name] = self.predictions.get(name, 0) + times

    def be_told(self, revision: str, labelled: int, wrong: int) -> None:
        """Take feedback about a revision's answers."""
        known = self.feedback.get(revision, Feedback())
        self.feedback[revision] = Feedback(known.labelled + labelled, known.wrong + wrong)

    def sample(self) -> PodSample:
        """Scrape the pod."""
        latency = Histogram() if self.latencies is None else Histogram(BOUNDS, tuple(self.buckets.tolist()))
        counters = (self.requests, self.errors, latency, dict(self.predictions), dict(self.feedback))
        return PodSample(self.name, self.started, self.revision, *counters)

    def live(self) -> LivePod:
        """See the pod in the list of pods."""
        return LivePod(self.name, self.revision, self.restarts)


def sight_of(*pods: Pod, unread: Iterable[str] = ()) -> Sight:
    """Look at the pods, of which some cannot be scraped."""
    missed = set(unread)
    return Sight([pod.live() for pod in pods], [pod.sample() for pod in pods if pod.name not in missed])


def scenes(
    seed: int, looks: int = 20, rps: float = 5.0, candidate_errors: float = 0.02, crashes: float = 0.01
) -> Iterator[tuple[float, Sight]]:
    """Yield, look by look, the time and all that can be seen of two candidate pods and three of stable's.

    Some pods cannot be read at times; containers end, `crashes` of each pod per look; the first look comes before any
    request of the candidate.
    """
    random = np.random.default_rng(seed)
    candidates = [Pod(f"c{at}", CANDIDATE, latencies=lognormal(0.06)) for at in range(2)]
    stable = [Pod(f"s{at}", STABLE, started=-1000.0, latencies=lognormal(0.05)) for at in range(3)]
    pods = [*candidates, *stable]
    for pod in stable:
        _serve(random, pod, 200, 0.01)
    yield 0.0, sight_of(*stable)
    for number in range(1, looks + 1):
        for pod in pods:
            rate = candidate_errors if pod.revision == CANDIDATE else 0.01
            _serve(random, pod, int(random.poisson(rps * 10 / len(pods))), rate)
            pod.be_told(str(random.choice([CANDIDATE, STABLE])), int(random.poisson(2)), int(random.integers(2)))
            if random.random() < crashes:
                pod.restarts += 1
        compared = int(random.poisson(20))
        pairs = Pairs(compared, int(random.binomial(compared, 0.03)))
        readings = (Reading("revenue", float(random.normal(1.0, 0.03))),) if number % 3 == 0 else ()
        unread = [pod.name for pod in pods if random.random() < 0.1]
        yield 10.0 * number, replace(sight_of(*pods, unread=unread), pairs=pairs, readings=readings)


def _serve(random: np.random.Generator, pod: Pod, requests: int, error_rate: float) -> None:
    errors = int(random.binomial(requests, error_rate))
    pod.serve(random, requests, errors)
    cats = int(random.binomial(requests - errors, 0.6))
    pod.predict({"cat": cats, "dog": requests - errors - cats})
