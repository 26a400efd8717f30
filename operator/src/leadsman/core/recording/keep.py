"""What one pass adds to the recording of its rollout, and when that is written to the ModelRevision.

The newest lines wait in the status of the ModelDeployment, where the pass is committed; thirty at a time, and at the
end of the rollout, they go to the ModelRevision. That happens before the commit that drops them here, so a process that
dies in between writes them again: what is there under the same numbers is replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Evidence
from leadsman.api.rolloutpolicy import OnBadStable
from leadsman.api.status import Candidate, Phase, RecordingTail, RolloutState
from leadsman.core.evidence import Look
from leadsman.core.recording.codec import decode, encode, encode_lines, line
from leadsman.core.recording.merge import merge
from leadsman.core.recording.types import Entry, Header, Recording, without_marks
from leadsman.core.rollout import TRIALS
from leadsman.core.situation import Decision, Notice, Preflight, Situation

FLUSHED_AT = 30
"""Lines that wait in the status, at most."""

_FAILURE_LENGTH = 4096


@dataclass(frozen=True)
class Pass:
    """What one pass saw and decided. `before` is the state that it began with, `begun` the evidence if that is new."""

    model: str
    before: RolloutState
    situation: Situation
    decision: Decision
    look: Look | None = None
    begun: Evidence | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flush:
    """Lines that are to be on the ModelRevision. `first` is the number of the first; the header's is 0."""

    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """The state with what waits in it, and what is to be written, by revision."""

    state: RolloutState
    flushes: Mapping[str, Flush]


def keep(this: Pass) -> Kept:
    """Add a pass to the recordings of the rollout that it found and of the one that it began.

    Only a rollout against a stable revision is recorded: in any other, nothing is compared.
    """
    tails: dict[str, RecordingTail] = {}
    if this.before.candidate and this.before.candidate.recording:
        revision = this.before.candidate.revision
        tails[revision] = _with_entry(this, revision, this.before.candidate.recording)
    if begun := _begins(this):
        tails[begun.candidate] = _with_entry(this, begun.candidate, RecordingTail(next=1, lines=(line(begun),)))
    going_on = this.decision.state.candidate
    flushes = {}
    for revision, tail in tails.items():
        ended = going_on is None or going_on.revision != revision
        if ended or len(tail.lines) >= FLUSHED_AT:
            flushes[revision] = Flush(tail.next - len(tail.lines), tail.lines)
    if going_on is None or going_on.revision not in tails:
        return Kept(this.decision.state, flushes)
    tail = tails[going_on.revision]
    if going_on.revision in flushes:
        tail = RecordingTail(next=tail.next)
    return Kept(
        this.decision.state.model_copy(update={"candidate": going_on.model_copy(update={"recording": tail})}), flushes
    )


def extended(text: str | None, flush: Flush) -> str | None:
    """Return the recording with new lines; those that it has under the same numbers are replaced.

    A recording that grows too large is merged. None where the lines do not follow on what is there, as when somebody
    has deleted it: a recording with a gap would replay to something that never was.
    """
    try:
        return _extended(text, flush)
    except ValueError:
        # Nothing depends on a recording, a rollback least of all.
        return None


def _extended(text: str | None, flush: Flush) -> str | None:
    lines = list(flush.lines)
    if flush.first > 0:
        recording = decode(text or "")
        kept = [entry for entry in recording.entries if entry.number < flush.first]
        if not kept or kept[-1].number != flush.first - 1:
            return None
        lines = [line(recording.header), *map(line, kept), *lines]
    try:
        return encode_lines(lines)
    except ValueError:
        return _merged(lines)


def _merged(lines: list[str]) -> str | None:
    recording = Recording(
        header=Header.model_validate_json(lines[0]), entries=tuple(map(Entry.model_validate_json, lines[1:]))
    )
    while (smaller := merge(recording)) is not recording:
        recording = smaller
        try:
            return encode(recording)
        except ValueError:
            continue
    return None


def _begins(this: Pass) -> Header | None:
    """The header of the rollout that the pass began, if it began one."""
    if this.before.stable is None or this.situation.policy is None:
        return None
    for at, notice in enumerate(this.decision.notices):
        if notice.reason is Reason.ROLLOUT_STARTED:
            warm = [one.revision for one in this.before.retiring if one.warm and this.situation.now < one.until]
            return Header(
                model=this.model,
                candidate=notice.revision,
                stable=this.before.stable,
                policy=this.situation.policy,
                returning=notice.revision in warm,
                decisions=this.before.decisions + at,
                author=this.situation.author,
                paused=this.decision.state.paused,
            )
    return None


def _with_entry(this: Pass, revision: str, tail: RecordingTail) -> RecordingTail:
    notices = [notice for notice in this.decision.notices if notice.revision == revision]
    if not notices and not _changed(this, revision):
        return tail
    added = line(_entry(this, revision, tail.next, notices))
    return RecordingTail(next=tail.next + 1, lines=(*tail.lines, added))


def _entry(this: Pass, revision: str, number: int, notices: list[Notice]) -> Entry:
    situation = this.situation
    readiness = situation.readiness(revision)
    found = this.before.candidate is not None and this.before.candidate.revision == revision
    return Entry(
        number=number,
        at=situation.now.timestamp(),
        replicas=situation.replicas,
        ready=readiness.ready,
        failure=readiness.failure[:_FAILURE_LENGTH] if readiness.failure else None,
        mode=situation.mode,
        desired=situation.desired if situation.desired != revision else None,
        decisions=len(notices),
        digest=this.digests.get(revision) if notices else None,
        stable_digest=this.digests.get(this.before.stable or "") if notices else None,
        begun=without_marks(this.begun) if this.begun and found else None,
        look=this.look if found else None,
        preflight=_preflight(this, revision),
        unsettled=situation.unsettled[:_FAILURE_LENGTH] if found else "",
        testers=situation.testers,
        **_asked(this, found=found),
    )


def _asked(this: Pass, *, found: bool) -> dict[str, Any]:
    """What people asked for, and what stable was like where the policy cares."""
    candidate = this.before.candidate
    if candidate is None or not found:
        return {}
    decided = {acted.uid for acted in this.before.acted}
    groups = {group for step in candidate.policy.steps if step.approval for group in step.approval.groups}
    requests = tuple(
        replace(request, groups=tuple(group for group in request.groups if group in groups))
        for request in this.situation.requests
        if request.uid not in decided
    )
    asks = candidate.policy.on_bad_stable is OnBadStable.PROMOTE
    return {
        "requests": requests,
        "proved": this.situation.proved if requests else (),
        "stable_ready": this.situation.readiness(this.before.stable).ready if asks else None,
    }


def _preflight(this: Pass, revision: str) -> Preflight | None:
    owed = this.situation.preflight if this.situation.desired == revision else None
    if owed is None or this.before.phase in (Phase.PREPARING, *TRIALS):
        return None
    return replace(owed, message=owed.message[:_FAILURE_LENGTH])


def _changed(this: Pass, revision: str) -> bool:
    """Whether the pass made any difference to what the next decisions of the rollout depend on."""
    after = this.decision.state.candidate
    return after is None or after.revision != revision or _essence(after) != _essence(this.before.candidate)


def _essence(candidate: Candidate | None) -> Candidate | None:
    if candidate is None:
        return None
    evidence = without_marks(candidate.evidence) if candidate.evidence else None
    return candidate.model_copy(update={"evidence": evidence, "checks": (), "recording": None})
