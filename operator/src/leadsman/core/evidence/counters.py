"""From cumulative counters of pods to what both revisions did since the last look.

A container that started after the rollout began counts from zero; the first sight of an older one is its baseline,
because what it answered earlier is not this rollout's evidence (a stable pod, but also a candidate that was kept warm
and is tried again). A smaller value than before is a reset and counts from zero. A pod that one scrape misses keeps
its mark. A pod that left has contributed what was seen of it; the marks of a few that left last are kept, so that a
list of pods that lags behind an earlier one cannot make a pod count twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from leadsman.api.evidence import MAX_PODS, Evidence, PodMark
from leadsman.core.evidence.lives import MARKS_OF_GONE_PODS
from leadsman.core.evidence.samples import ArmCounts, Feedback, PodSample

_MOST_BETWEEN_LOOKS = 10**8


@dataclass(frozen=True, slots=True)
class Growth:
    """What was counted since the last look, and the marks that the next is measured from."""

    candidate: ArmCounts
    stable: ArmCounts
    pods: tuple[PodMark, ...]


def growth(state: Evidence, samples: Sequence[PodSample], live_pods: Collection[str]) -> Growth:
    """Return what is new in `samples`. `live_pods` are the UIDs of the pods that exist; samples of others are void."""
    marks = {mark.pod: mark for mark in _kept(state.pods, live_pods)}
    new: dict[str, list[ArmCounts]] = {state.candidate: [], state.stable: []}
    for sample in sorted(samples, key=lambda sample: sample.pod):
        unknown = sample.pod not in marks
        if sample.revision not in new or sample.pod not in live_pods or (unknown and len(marks) >= MAX_PODS):
            continue
        now = _mark(state, sample)
        before = _before(now, marks.get(sample.pod), state.began)
        if before is not None and _is_credible(before, now):
            new[sample.revision].append(_own(before, now))
            candidate, stable = _judged(before, now)
            new[state.candidate].append(candidate)
            new[state.stable].append(stable)
        marks[sample.pod] = now
    return Growth(
        _total(new[state.candidate], len(state.bounds)),
        _total(new[state.stable], len(state.bounds)),
        tuple(marks[pod] for pod in sorted(marks)),
    )


def _kept(marks: Sequence[PodMark], live_pods: Collection[str]) -> list[PodMark]:
    gone = sorted((mark for mark in marks if mark.pod not in live_pods), key=lambda mark: (mark.started, mark.pod))
    return [mark for mark in marks if mark.pod in live_pods] + gone[-MARKS_OF_GONE_PODS:]


def _mark(state: Evidence, sample: PodSample) -> PodMark:
    """Return the counters of a sample; no latency where its histogram lacks one of the bounds."""
    on_trial = sample.revision == state.candidate
    bounds = [bound.candidate if on_trial else bound.stable for bound in state.bounds]
    slower = tuple(count for bound in bounds if (count := sample.latency.slower_than(bound)) is not None)
    usable = bool(bounds) and len(slower) == len(bounds)
    predictions = (sum(sample.predictions.values()), sample.predictions.get(state.top_class or "", 0))
    told = [sample.feedback.get(revision, Feedback()) for revision in (state.candidate, state.stable)]
    return PodMark.model_construct(
        pod=sample.pod,
        started=sample.started,
        revision=sample.revision,
        requests=sample.requests,
        errors=sample.errors,
        answered=sample.latency.total if usable else 0,
        slower=slower if usable else (),
        predictions=predictions if state.top_class is not None else (),
        feedback=tuple(count for one in told for count in (one.labelled, one.wrong)) if sample.feedback else (),
    )


def _before(now: PodMark, last: PodMark | None, began: float) -> PodMark | None:
    """Return the counters that `now` is measured from, or None if it is a baseline itself."""
    if last is not None and last.started == now.started:
        return last
    if last is None and now.started < began:
        return None
    return PodMark.model_construct(
        pod=now.pod,
        started=now.started,
        revision=now.revision,
        requests=0,
        errors=0,
        answered=0,
        slower=(0,) * len(now.slower),
        predictions=(0,) * len(now.predictions),
        feedback=(),
    )


def _is_credible(before: PodMark, now: PodMark) -> bool:
    """Whether a pod can have done so much between two looks; counters that leap are a baseline, and no evidence."""
    grown = (
        now.requests - before.requests,
        now.answered - before.answered,
        sum(now.predictions) - sum(before.predictions),
    )
    return max(*grown, sum(now.feedback) - sum(before.feedback)) <= _MOST_BETWEEN_LOOKS


def _own(before: PodMark, now: PodMark) -> ArmCounts:
    """Return the growth of one pod's counters about its own revision, from zero where they were reset."""
    requests, errors = _since((before.requests, before.errors), (now.requests, now.errors))
    answered, predicted, top = 0, 0, 0
    slower: tuple[int, ...] = ()
    # Where a length differs, the bounds or the class were fixed in between: this is the baseline.
    if now.slower and len(before.slower) == len(now.slower):
        answered, *over = _since((before.answered, *before.slower), (now.answered, *now.slower))
        slower = tuple(min(count, answered) for count in over)
    if now.predictions and len(before.predictions) == len(now.predictions):
        predicted, top = _since(before.predictions, now.predictions)
    # A scrape is no snapshot: an error may be counted an instant before its request.
    return ArmCounts(requests, min(errors, requests), answered, slower, predicted=predicted, top=min(top, predicted))


def _judged(before: PodMark, now: PodMark) -> tuple[ArmCounts, ArmCounts]:
    """Return the growth of one pod's feedback, about the candidate and about the stable revision."""
    if not now.feedback:
        return ArmCounts(), ArmCounts()
    new = _since(before.feedback or (0, 0, 0, 0), now.feedback)
    candidate, stable = ((labelled, min(wrong, labelled)) for labelled, wrong in (new[:2], new[2:]))
    return ArmCounts(labelled=candidate[0], wrong=candidate[1]), ArmCounts(labelled=stable[0], wrong=stable[1])


def _since(before: Sequence[int], now: Sequence[int]) -> tuple[int, ...]:
    if any(new < old for old, new in zip(before, now, strict=True)):
        return tuple(now)
    return tuple(new - old for old, new in zip(before, now, strict=True))


def _total(pods: Sequence[ArmCounts], bounds: int) -> ArmCounts:
    slower = [pod.slower for pod in pods if pod.slower]
    sums = {name: sum(getattr(pod, name) for pod in pods) for name in _SUMMED}
    return ArmCounts(slower=tuple(map(sum, zip(*slower, strict=True))) if slower else (0,) * bounds, **sums)


_SUMMED = [one.name for one in fields(ArmCounts) if one.name not in ("slower", "crashes", "pod_seconds")]
