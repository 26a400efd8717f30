"""Serving pods of the simulated cluster: what they answer, count and remember."""

import json
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from math import inf, log
from pathlib import PurePath
from random import Random
from typing import Any

from leadsman.core.answers import Answer, Output, PodAnswers
from leadsman.core.evidence import Histogram, Minute, PodSample
from leadsman.core.names import REVISION_LABEL
from leadsman.core.soundings import Soundings, Wanted

DIGEST = f"sha256:{'ab' * 32}"
BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOUNDS = (*(round(0.001 * 1.2**number, 6) for number in range(45)), inf)


@dataclass(frozen=True)
class Model:
    """How a model behaves once it runs."""

    errors: float = 0.0
    differs: float = 0.0
    """Share of its answers that are not what every other model says."""
    median: float = 0.010
    stalls: float = 0.0
    """Share of its answers that take a hundred times as long."""
    start_seconds: float = 3.0
    failure: str | None = None
    """What its fetch container says with exit code 65."""
    dies_at: float = inf
    """From then on its pods are never ready."""
    digest: str = DIGEST
    preflight: tuple[int, str] = (0, "")
    """How its preflight ends: the exit code, and what it says if that is not 0."""
    preflight_seconds: float = 2.0


def model_of(container: Mapping[str, Any], models: Mapping[str, Model], tags: Mapping[str, str]) -> Model:
    """What the URI that a container is given names now; what was there before can be had by its manifest alone."""
    uri = container["args"][1]
    mode = {one["name"]: one.get("value") for one in container.get("env", [])}.get("MODE")
    if special := models.get(f"{PurePath(uri).stem}:{mode}"):
        return special
    _, _, manifest = uri.partition("@")
    if manifest:
        return next(model for model in models.values() if model.digest == manifest)
    return models.get(tags.get(uri) or PurePath(uri).stem, Model())


@dataclass
class SimPod:
    """A pod with its counters."""

    name: str
    revision: str
    model: Model
    started: float
    wants: str | None = None
    """The digest without which its fetch container takes nothing."""
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    minutes: Counter[tuple[int, bool]] = field(default_factory=Counter)
    """Requests by wall-clock minute, and whether they failed."""
    answers: deque[Answer] = field(default_factory=lambda: deque(maxlen=2000))

    def ready(self, now: float) -> bool:
        running = self.started + self.model.start_seconds <= now < self.model.dies_at
        return running and self._fails_for() is None

    def _fails_for(self) -> str | None:
        moved = self.wants not in (None, self.model.digest)
        return f"its digest is {self.model.digest}, not {self.wants}" if moved else self.model.failure

    def raw(self, now: float) -> dict[str, Any]:
        """The pod as the API server has it."""
        fetched: dict[str, Any] = {"exitCode": 0, "message": json.dumps({"digest": self.model.digest})}
        if failure := self._fails_for():
            fetched = {"exitCode": 65, "message": failure}
        return {
            "metadata": {"name": self.name, "uid": self.name, "labels": {REVISION_LABEL: self.revision}},
            "status": {
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "True" if self.ready(now) else "False"}],
                "initContainerStatuses": [{"name": "fetch", "state": {"terminated": fetched}}],
                "containerStatuses": [{"name": "server", "state": {"running": {}}}],
            },
        }

    def answer(self, random: Random, outage: float, now: float, request: str) -> bool:
        """Answer one request, by its id; returns whether the user is content."""
        self.requests += 1
        failed = random.random() < 1 - (1 - self.model.errors) * (1 - outage)
        self.minutes[int((BEGIN.timestamp() + now) // 60), failed] += 1
        if failed:
            self.errors += 1
            return False
        stalled = self.model.stalls > 0 and random.random() < self.model.stalls
        median = self.model.median * (100 if stalled else 1)
        self.buckets[bisect_left(BOUNDS, random.lognormvariate(log(median), 0.4))] += 1
        label = int(self.model.differs > 0 and random.random() < self.model.differs)
        seq = self.answers[-1].seq + 1 if self.answers else 1
        self.answers.append(Answer(seq, BEGIN.timestamp() + now, request, (Output("label", (1,), (label,)),)))
        return True

    def sample(self) -> PodSample:
        """Scrape the pod."""
        latency = Histogram(BOUNDS, tuple(accumulate(self.buckets)))
        return PodSample(
            self.name, BEGIN.timestamp() + self.started, self.revision, self.requests, self.errors, latency
        )

    def history(self) -> list[Minute]:
        """What it remembers of the last day."""
        minutes = {minute for minute, _ in self.minutes}
        return [
            Minute(minute, self.minutes[minute, True] + self.minutes[minute, False], self.minutes[minute, True])
            for minute in sorted(minutes)
        ]

    def answers_after(self, seq: int, now: float) -> PodAnswers:
        """What it remembers of its answers."""
        last = self.answers[-1].seq if self.answers else 0
        return PodAnswers(BEGIN.timestamp() + now, last, tuple(answer for answer in self.answers if answer.seq > seq))


def sounded(wanted: Wanted, answering: Sequence[SimPod], now: float) -> Soundings:
    """What those pods say that answer, of what is wanted."""
    found = {pod.name: pod for pod in answering}
    return Soundings(
        samples=[found[pod.uid].sample() for pod in wanted.counters if pod.uid in found],
        histories=[found[pod.uid].history() for pod in wanted.histories if pod.uid in found],
        answers={
            pod.uid: found[pod.uid].answers_after(after, now) for pod, after in wanted.answers if pod.uid in found
        },
    )
