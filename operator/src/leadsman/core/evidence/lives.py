"""How often containers ended since the last look, and for how long they were watched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leadsman.api.evidence import MAX_PODS, ArmCrashes, Evidence, LifeMark
from leadsman.core.evidence.samples import ArmCounts, LivePod

MARKS_OF_GONE_PODS = 32
"""Of how many pods that left last the marks are kept, at most."""


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of the pods since the last look, and the marks that the next is measured from."""

    candidate: ArmCrashes
    stable: ArmCrashes
    marks: tuple[LifeMark, ...]


def observe(state: Evidence, pods: Sequence[LivePod], now: float) -> Lives:
    """Count restarts since the last look.

    A pod seen first in the first look has its past behind it; one seen first later was born in between, so all of its
    restarts count, unless there were more pods than marks. A clock that was set back has watched nothing. The marks of
    a few pods that left last are kept, so that a list of pods that lags behind an earlier one cannot make a restart
    count twice.
    """
    known = {mark.pod: mark.restarts for mark in state.lives}
    since = state.began if state.looked_at is None else state.looked_at
    watched = max(0.0, now - since) if state.lives else 0.0
    arms = {state.candidate: ArmCrashes(), state.stable: ArmCrashes()}
    live = {pod.pod for pod in pods}
    marks = [mark for mark in state.lives if mark.pod not in live][-MARKS_OF_GONE_PODS:]
    for pod in sorted(pods, key=lambda pod: pod.pod):
        if pod.revision not in arms or len(marks) == MAX_PODS:
            continue
        before = known.get(pod.pod, 0 if 0 < len(state.lives) < MAX_PODS else pod.restarts)
        arm = arms[pod.revision]
        arms[pod.revision] = ArmCrashes(
            count=arm.count + max(0, pod.restarts - before), pod_seconds=arm.pod_seconds + watched
        )
        marks.append(LifeMark.model_construct(pod=pod.pod, restarts=pod.restarts))
    return Lives(arms[state.candidate], arms[state.stable], tuple(marks))


def with_lives(counts: ArmCounts, lives: ArmCrashes) -> ArmCounts:
    """Return the counts of a look with the crashes in it."""
    return replace(counts, crashes=lives.count, pod_seconds=lives.pod_seconds)
