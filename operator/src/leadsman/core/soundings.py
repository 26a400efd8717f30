"""What one look has to read besides the API server, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadsman.api.status import Phase, RolloutState
from leadsman.core.answers import PodAnswers
from leadsman.core.compared import Compared, compared
from leadsman.core.evidence import Minute, PodSample, Reading
from leadsman.core.observed import Observed
from leadsman.core.pods import Pod
from leadsman.core.queries import Query, due_queries
from leadsman.core.rollout import mirror
from leadsman.core.weighing import spec_of

# Pods of each revision whose answers are read: together with the most that is read of one, it bounds the memory.
ANSWERING_PODS = 8


@dataclass(frozen=True)
class Wanted:
    """What to read. Nothing here costs more than one round trip, when all is read at once."""

    counters: Sequence[Pod] = ()
    histories: Sequence[Pod] = ()
    answers: Sequence[tuple[Pod, int]] = ()
    """Pods, each with the number of the answer after which to read."""
    queries: Sequence[Query] = ()


@dataclass(frozen=True)
class Soundings:
    """What was read. Who did not answer is not in it."""

    samples: Sequence[PodSample] = ()
    histories: Sequence[Sequence[Minute]] = ()
    answers: Mapping[str, PodAnswers] = field(default_factory=dict)
    """By the pod's UID."""
    readings: tuple[Reading, ...] = ()


def soundings_wanted(observed: Observed, state: RolloutState, now: float) -> Wanted:
    """Return what a look at `now` (Unix seconds) needs; nothing unless there are two revisions to be compared."""
    pair = compared(state)
    if pair is None:
        return Wanted()
    spec = spec_of(pair.policy)
    counted = [*observed.pods_of(pair.candidate), *observed.pods_of(pair.stable)]
    return Wanted(
        counters=counted,
        histories=observed.pods_of(pair.stable) if pair.evidence is None else (),
        # Only copies are requests that both answer.
        answers=_answers(observed, pair) if spec.agreement and mirror(state) else (),
        # A candidate that nobody asks has no numbers yet.
        queries=_queries(observed, pair, now) if state.phase is not Phase.PREPARING else (),
    )


def _answers(observed: Observed, pair: Compared) -> list[tuple[Pod, int]]:
    marks = {mark.pod: mark.seq for mark in pair.evidence.answers} if pair.evidence else {}
    return [
        (pod, marks.get(pod.uid, 0))
        for revision in (pair.candidate, pair.stable)
        for pod in sorted(observed.pods_of(revision), key=lambda pod: pod.uid)[:ANSWERING_PODS]
    ]


def _queries(observed: Observed, pair: Compared, now: float) -> Sequence[Query]:
    metadata = observed.deployment.metadata
    names = {
        "candidate": pair.candidate,
        "stable": pair.stable,
        "model": metadata.name,
        "namespace": metadata.namespace,
    }
    checks = [check.prometheus for check in pair.policy.checks if check.prometheus]
    return due_queries(checks, pair.evidence.thresholds if pair.evidence else (), names, now)
