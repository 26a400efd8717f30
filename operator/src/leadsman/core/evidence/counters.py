"""From cumulative counters of pods to what both revisions answered since the last look.

A container that started after the rollout began counts from zero; the first sight of an older one is its baseline,
because what it answered earlier is not this rollout's evidence (a stable pod, but also a candidate that was kept warm
and is tried again). A smaller value than before is a reset and counts from zero. A pod that one scrape misses keeps
its mark. A pod that left has contributed what was seen of it; the marks of a few that left last are kept, so that a
list of pods that lags behind an earlier one cannot make a pod count twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from leadsman.api.evidence import MAX_PODS, Evidence, PodMark
from leadsman.core.evidence.samples import ArmCounts, PodSample, Tick

_MARKS_OF_GONE_PODS = 32


@dataclass(frozen=True, slots=True)
class Difference:
    """One tick, and the marks that the next is measured from."""

    tick: Tick
    pods: tuple[PodMark, ...]


def difference(state: Evidence, samples: Sequence[PodSample], live_pods: Collection[str]) -> Difference:
    """Return what is new in `samples`. `live_pods` are the UIDs of the pods that exist; samples of others are void."""
    marks = {mark.pod: mark for mark in _kept(state.pods, live_pods)}
    new: dict[str, list[ArmCounts]] = {state.candidate: [], state.stable: []}
    for sample in sorted(samples, key=lambda sample: sample.pod):
        unknown = sample.pod not in marks
        if sample.revision not in new or sample.pod not in live_pods or (unknown and len(marks) >= MAX_PODS):
            continue
        now = _mark(sample, _bounds_of(state, sample.revision))
        before = _before(now, marks.get(sample.pod), state.began)
        if before is not None:
            new[sample.revision].append(_growth(before, now))
        marks[sample.pod] = now
    bounds = len(state.bounds)
    tick = Tick(candidate=_total(new[state.candidate], bounds), stable=_total(new[state.stable], bounds))
    return Difference(tick, tuple(marks[pod] for pod in sorted(marks)))


def _kept(marks: Sequence[PodMark], live_pods: Collection[str]) -> list[PodMark]:
    gone = sorted((mark for mark in marks if mark.pod not in live_pods), key=lambda mark: (mark.started, mark.pod))
    return [mark for mark in marks if mark.pod in live_pods] + gone[-_MARKS_OF_GONE_PODS:]


def _bounds_of(state: Evidence, revision: str) -> tuple[float, ...]:
    if revision == state.candidate:
        return tuple(bound.candidate for bound in state.bounds)
    return tuple(bound.stable for bound in state.bounds)


def _mark(sample: PodSample, bounds: tuple[float, ...]) -> PodMark:
    """Return the counters of a sample; no latency where its histogram lacks one of the bounds."""
    slower = tuple(count for bound in bounds if (count := sample.latency.slower_than(bound)) is not None)
    usable = bool(bounds) and len(slower) == len(bounds)
    return PodMark.model_construct(
        pod=sample.pod,
        started=sample.started,
        revision=sample.revision,
        requests=sample.requests,
        errors=sample.errors,
        answered=sample.latency.total if usable else 0,
        slower=slower if usable else (),
    )


def _before(now: PodMark, last: PodMark | None, began: float) -> PodMark | None:
    """Return the counters that `now` is measured from, or None if it is a baseline itself."""
    if last is not None and last.started == now.started:
        return last
    if last is None and now.started < began:
        return None
    return now.model_copy(update={"requests": 0, "errors": 0, "answered": 0, "slower": (0,) * len(now.slower)})


def _growth(before: PodMark, now: PodMark) -> ArmCounts:
    """Return the growth of one pod's counters, from zero where they were reset."""
    requests, errors = _since((before.requests, before.errors), (now.requests, now.errors))
    # A scrape is no snapshot: an error may be counted an instant before its request.
    errors = min(errors, requests)
    if len(before.slower) != len(now.slower):  # The bounds were fixed in between: this is the baseline.
        return ArmCounts(requests, errors)
    answered, *slower = _since((before.answered, *before.slower), (now.answered, *now.slower))
    return ArmCounts(requests, errors, answered, tuple(min(count, answered) for count in slower))


def _since(before: Sequence[int], now: Sequence[int]) -> tuple[int, ...]:
    if any(new < old for old, new in zip(before, now, strict=True)):
        return tuple(now)
    return tuple(new - old for old, new in zip(before, now, strict=True))


def _total(pods: Sequence[ArmCounts], bounds: int) -> ArmCounts:
    slower = [pod.slower for pod in pods if pod.slower]
    return ArmCounts(
        requests=sum(pod.requests for pod in pods),
        errors=sum(pod.errors for pod in pods),
        answered=sum(pod.answered for pod in pods),
        slower=tuple(map(sum, zip(*slower, strict=True))) if slower else (0,) * bounds,
    )
