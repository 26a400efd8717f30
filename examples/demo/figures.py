"""What the requests of a demo add up to, and whether it kept its promises. Pure: records in, figures out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from demo.records import Request, Span

Pods = Mapping[str, int]
"""Restarts by pod UID."""


@dataclass(frozen=True)
class PhaseFigures:
    """One line of the final table."""

    phase: str
    seconds: float
    requests: int
    errors: int
    right: int
    p50_ms: float
    p99_ms: float
    served: Mapping[str, int]
    """Requests by the version that answered; an empty version is nobody."""


@dataclass(frozen=True)
class Rollback:
    """What the bad version did before it was gone."""

    answers: int
    """Requests of users that it answered."""
    users_harmed: int
    """Those among them that failed."""
    seconds_to_zero: float | None
    """From the first request that it was sent until the route gave it weight 0."""
    seconds_to_last: float | None
    """From there until its last answer to a user."""


@dataclass(frozen=True)
class Facts:
    """All that the promises are judged by."""

    requests: Sequence[Request]
    bad_version: str
    promoted: bool
    rolled_back: bool
    refused_version: str
    refused: bool
    """By preflight, and no Deployment was there for it."""
    pods_before: Pods
    """The good version's pods when it had its first users."""
    pods_after: Sequence[Pods]
    """Its pods at later looks: after its promotion, and at the end."""


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the least value that `percent` of the values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def phase_figures(span: Span) -> PhaseFigures:
    """Sum up one phase."""
    milliseconds = [request.seconds * 1000 for request in span.requests]
    return PhaseFigures(
        phase=span.phase,
        seconds=span.end - span.start,
        requests=len(span.requests),
        errors=sum(request.failed for request in span.requests),
        right=sum(request.right for request in span.requests),
        p50_ms=percentile(milliseconds, 50),
        p99_ms=percentile(milliseconds, 99),
        served=dict(sorted(Counter(request.version for request in span.requests).items())),
    )


def rollback(requests: Iterable[Request], version: str, zero_at: float | None) -> Rollback:
    """Sum up what the bad version did; `zero_at` is when the route gave it no weight any more."""
    own = [request for request in requests if request.version == version]
    first = min((request.at for request in own), default=None)
    return Rollback(
        answers=len(own),
        users_harmed=sum(request.failed for request in own),
        seconds_to_zero=None if first is None or zero_at is None else max(0.0, zero_at - first),
        seconds_to_last=None if first is None else max(request.done for request in own) - first,
    )


def restarted(before: Pods, after: Sequence[Pods]) -> list[str]:
    """Return which of the pods were restarted or gone at a later look."""
    return sorted(uid for uid, restarts in before.items() if any(look.get(uid) != restarts for look in after))


def broken_promises(facts: Facts) -> list[str]:
    """Return a sentence for each promise that was not kept; none is success."""
    broken = []
    if not facts.requests:
        broken.append("no user sent a request, so nothing was shown")
    foreign = [request for request in facts.requests if request.failed and request.version != facts.bad_version]
    if foreign:
        example = foreign[0]
        broken.append(
            f"{len(foreign)} requests failed that version {facts.bad_version} did not answer; the first: "
            f"status {example.code} from version {example.version or 'nobody'}: {example.error or 'no text'}"
        )
    if not facts.promoted:
        broken.append("the good version was not promoted")
    if not facts.rolled_back:
        broken.append(f"version {facts.bad_version} was not rolled back")
    if not facts.refused:
        broken.append(f"version {facts.refused_version} was not refused before it had any pods")
    if answered := sum(request.version == facts.refused_version for request in facts.requests):
        broken.append(f"version {facts.refused_version} answered {answered} requests of users")
    if facts.promoted and not facts.pods_before:
        broken.append("no pods of the good version were seen before its promotion, so restarts cannot be ruled out")
    if gone := restarted(facts.pods_before, facts.pods_after):
        broken.append(f"promotion restarted or replaced {len(gone)} of {len(facts.pods_before)} pods")
    return broken
