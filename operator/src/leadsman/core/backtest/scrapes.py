"""A recording made of raw counters that somebody else has kept, such as a Prometheus server.

The counters of each moment go through the same engine as those that the operator reads, with the policy's own checks.
What the counters do not tell is taken from the receipts: when the candidate's pods were ready, and how it ended if that
was not for the evidence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Evidence
from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core import evidence
from leadsman.core.backtest.releases import Release
from leadsman.core.evidence import LivePod, Minute, PodSample, Reading, Sight
from leadsman.core.recording import Entry, Header, Recording
from leadsman.core.rollout import DRAIN
from leadsman.core.weighing import spec_of

_BY_ITS_PODS = {
    Reason.MODEL_FAILED: "its model failed, as was recorded",
    Reason.CANDIDATE_UNREADY: "none of its pods was ready any more, as was recorded",
}


@dataclass(frozen=True)
class Scrape:
    """The counters of both revisions' pods at one moment (Unix seconds), and what Prometheus checks were told."""

    at: float
    samples: tuple[PodSample, ...]
    readings: tuple[Reading, ...] = ()


def watched_until(release: Release) -> float:
    """Until when (Unix seconds) counters tell of the rollout.

    What the candidate answered just before it was rolled back is scraped afterwards, while its pods run on.
    """
    by_evidence = release.outcome is Outcome.ROLLED_BACK and release.last.reason not in _BY_ITS_PODS
    return release.last.at.timestamp() + (DRAIN.total_seconds() if by_evidence else 0.0)


def recorded(
    release: Release, policy: RolloutPolicySpec, scrapes: Iterable[Scrape], history: Sequence[Minute] = ()
) -> Recording:
    """Return what the operator would have recorded of a release, had it gone by the policy and looked at the scrapes.

    `history` is what the stable revision answered before, minute by minute.
    """
    began = release.began.timestamp()
    entries = [Entry(number=1, at=began, replicas=1, decisions=1)]
    spec = spec_of(policy)
    state: Evidence | None = None
    for scrape in sorted(scrapes, key=lambda one: one.at):
        if scrape.at <= entries[-1].at or scrape.at > watched_until(release):
            continue
        before = state or evidence.begin(spec, release.revision, release.stable, began, history)
        look, marked = evidence.take(spec, before, _sight(scrape), scrape.at)
        entries.append(
            Entry(
                number=len(entries) + 1,
                at=scrape.at,
                replicas=1,
                ready=int(_was_ready(release, scrape.at)),
                begun=before if state is None else None,
                look=look,
            )
        )
        state = evidence.absorb(spec, marked, look)
    header = Header(
        model=release.model,
        candidate=release.revision,
        stable=release.stable,
        policy=policy,
        decisions=release.receipts[0].sequence - 1,
    )
    return Recording(header=header, entries=(*entries, *_end(release, entries[-1])))


def with_readings(scrapes: Sequence[Scrape], told: Iterable[tuple[float, Reading]]) -> list[Scrape]:
    """Return the scrapes, each with what Prometheus checks were told since the one before it."""
    waiting = sorted(told, key=lambda one: one[0])
    found = []
    for scrape in sorted(scrapes, key=lambda one: one.at):
        due = [reading for at, reading in waiting if at <= scrape.at]
        waiting = waiting[len(due) :]
        found.append(replace(scrape, readings=tuple({reading.name: reading for reading in due}.values())))
    return found


def minutes(scrapes: Iterable[Scrape], revision: str) -> tuple[Minute, ...]:
    """Return what a revision's pods answered, minute by minute, from their counters about once a minute."""
    last: dict[str, PodSample] = {}
    found: dict[int, Minute] = {}
    for scrape in sorted(scrapes, key=lambda one: one.at):
        for sample in scrape.samples:
            if sample.revision != revision:
                continue
            before = last.get(sample.pod)
            last[sample.pod] = sample
            if before is None or before.started != sample.started or before.requests > sample.requests:
                continue
            minute = int(scrape.at // 60)
            known = found.get(minute, Minute(minute, 0, 0))
            requests = sample.requests - before.requests
            errors = min(max(sample.errors - before.errors, 0), requests)
            found[minute] = Minute(minute, known.requests + requests, known.errors + errors)
    return tuple(found[minute] for minute in sorted(found))


def _sight(scrape: Scrape) -> Sight:
    # Whoever keeps counters does not keep restarts with them; a pod is there for as long as its counters are.
    pods = [LivePod(sample.pod, sample.revision) for sample in scrape.samples]
    return Sight(pods=pods, samples=scrape.samples, readings=scrape.readings)


def _was_ready(release: Release, at: float) -> bool:
    """Whether the candidate's pods were: from when it got its first step on."""
    admitted = [receipt.at.timestamp() for receipt in release.receipts if receipt.reason != Reason.ROLLOUT_STARTED]
    return bool(admitted) and at >= admitted[0]


def _end(release: Release, last: Entry) -> list[Entry]:
    """Return the pass in which something else than evidence ended the rollout, if that is how it ended."""
    at = max(release.last.at.timestamp(), last.at)
    changes: dict[str, object] = {"number": last.number + 1, "at": at, "look": None, "begun": None}
    if release.last.reason == Reason.SUPERSEDED:
        return [last.model_copy(update=changes | {"desired": "another"})]
    for reason, failure in _BY_ITS_PODS.items():
        if release.last.reason == reason:
            return [last.model_copy(update=changes | {"ready": 0, "failure": failure})]
    return []
