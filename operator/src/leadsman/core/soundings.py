"""What one look has to read besides the API server, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadsman.api.status import Candidate, Phase, RolloutState
from leadsman.core.answers import PodAnswers
from leadsman.core.evidence import EvidenceSpec, Minute, PodSample, Reading
from leadsman.core.observed import Observed
from leadsman.core.pods import Pod
from leadsman.core.queries import Query, due_queries

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
    candidate, stable = state.candidate, state.stable
    if candidate is None or stable is None or state.phase is Phase.PREFLIGHT:
        return Wanted()
    spec = EvidenceSpec.of(candidate.policy.false_rollback_rate, candidate.policy.checks)
    counted = [*observed.pods_of(candidate.revision), *observed.pods_of(stable)]
    return Wanted(
        counters=counted,
        histories=observed.pods_of(stable) if candidate.evidence is None else (),
        # Only a shadow step gives both the same requests.
        answers=_answers(observed, candidate, stable) if spec.agreement and state.phase is Phase.SHADOW else (),
        # A candidate that nobody asks has no numbers yet.
        queries=_queries(observed, candidate, stable, now) if state.phase in (Phase.SHADOW, Phase.CANARY) else (),
    )


def _answers(observed: Observed, candidate: Candidate, stable: str) -> list[tuple[Pod, int]]:
    marks = {mark.pod: mark.seq for mark in candidate.evidence.answers} if candidate.evidence else {}
    return [
        (pod, marks.get(pod.uid, 0))
        for revision in (candidate.revision, stable)
        for pod in sorted(observed.pods_of(revision), key=lambda pod: pod.uid)[:ANSWERING_PODS]
    ]


def _queries(observed: Observed, candidate: Candidate, stable: str, now: float) -> Sequence[Query]:
    metadata = observed.deployment.metadata
    names = {
        "candidate": candidate.revision,
        "stable": stable,
        "model": metadata.name,
        "namespace": metadata.namespace,
    }
    checks = [check.prometheus for check in candidate.policy.checks if check.prometheus]
    return due_queries(checks, candidate.evidence.thresholds if candidate.evidence else (), names, now)
