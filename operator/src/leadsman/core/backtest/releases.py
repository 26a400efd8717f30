"""The releases of the past, from the receipts on ModelRevisions: when each was, against what, and how it ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import DecisionRecord, ModelRevision, Outcome
from leadsman.core.names import RECORDING_ANNOTATION
from leadsman.core.receipts import outcome_after, outcome_of
from leadsman.core.recording import Recording, decode

_GOOD_ENDS = {Reason.PROMOTED, Reason.SWITCHED, Reason.RETURNED, Reason.FIRST_REVISION}


@dataclass(frozen=True)
class Release:
    """One rollout of one revision against a stable one.

    `number` counts the releases that are looked at, by time. `receipts` are those of this rollout, at least the one
    with which it started. `recording` is None where there is none, and `unreadable` says why if one cannot be read.
    """

    namespace: str
    model: str
    revision: str
    version: str
    stable: str
    receipts: tuple[DecisionRecord, ...]
    recording: Recording | None = None
    unreadable: str = ""
    taken_back: datetime | None = None
    """When people went back to what it had replaced, although it was promoted."""
    number: int = 0

    @property
    def began(self) -> datetime:
        """When the rollout started."""
        return self.receipts[0].at

    @property
    def last(self) -> DecisionRecord:
        """The last decision about it."""
        return self.receipts[-1]

    @property
    def outcome(self) -> Outcome:
        """How it ended, so far."""
        return outcome_after(self.receipts)

    @property
    def is_good(self) -> bool:
        """Whether it was promoted and stayed."""
        return self.outcome is Outcome.PROMOTED and self.taken_back is None

    def weight_at(self, moment: datetime) -> int:
        """The candidate's percent of requests at a moment: what users saw of it."""
        before = [receipt.weight_after for receipt in self.receipts if receipt.at <= moment]
        return before[-1] if before else 0


def releases(objects: Iterable[Mapping[str, Any]]) -> tuple[list[Release], list[str]]:
    """Return the releases that raw ModelRevisions tell of, oldest first, and sentences about what tells of none.

    The first revision of a model is no release: it was compared with nothing. Neither is one that its preflight
    rejected: it answered nobody.
    """
    found: list[Release] = []
    problems: list[str] = []
    for raw in objects:
        name = raw.get("metadata", {}).get("name", "?") if isinstance(raw.get("metadata"), dict) else "?"
        try:
            found += _rollouts(ModelRevision.model_validate(raw), raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            problems.append(f"ModelRevision {name} cannot be understood: {where}: {first['msg']}")
    in_time = sorted(found, key=lambda release: (release.began, release.namespace, release.model))
    compared = [
        _with_fate(release, in_time)
        for release in in_time
        if release.stable and release.outcome is not Outcome.REJECTED
    ]
    return [replace(release, number=number) for number, release in enumerate(compared, start=1)], problems


def _rollouts(record: ModelRevision, raw: Mapping[str, Any]) -> list[Release]:
    rollouts: list[list[DecisionRecord]] = []
    for receipt in record.status.receipts:
        if receipt.reason == Reason.ROLLOUT_STARTED:
            rollouts.append([receipt])
        elif rollouts:
            rollouts[-1].append(receipt)
    recording, unreadable = _recording(raw)
    return [
        Release(
            namespace=record.metadata.namespace,
            model=record.spec.model_deployment,
            revision=record.spec.revision,
            version=record.spec.model.version or record.spec.revision,
            stable=receipts[0].stable or "",
            receipts=_until_its_end(receipts),
            recording=recording if _is_of(recording, receipts) else None,
            unreadable=unreadable if receipts is rollouts[-1] else "",
        )
        for receipts in rollouts
    ]


def _until_its_end(receipts: Sequence[DecisionRecord]) -> tuple[DecisionRecord, ...]:
    """The decisions of the rollout, without what became of the revision later."""
    ends = (at for at, one in enumerate(receipts, 1) if outcome_of(one.reason) not in (None, Outcome.IN_PROGRESS))
    return tuple(receipts[: next(ends, len(receipts))])


def _recording(raw: Mapping[str, Any]) -> tuple[Recording | None, str]:
    text = (raw["metadata"].get("annotations") or {}).get(RECORDING_ANNOTATION)
    if not isinstance(text, str):
        return None, ""
    try:
        return decode(text), ""
    except ValueError as error:
        return None, str(error)


def _is_of(recording: Recording | None, receipts: Sequence[DecisionRecord]) -> bool:
    """Whether a recording is of the rollout with these receipts: the one on a ModelRevision is of the latest try."""
    return recording is not None and recording.header.decisions + 1 == receipts[0].sequence


def _with_fate(release: Release, everything: Sequence[Release]) -> Release:
    """Tell whether people went back to what the release had replaced, with nothing promoted in between."""
    if release.last.reason not in _GOOD_ENDS:
        return release
    promoted = [
        other
        for other in everything
        if (other.namespace, other.model) == (release.namespace, release.model)
        and other.last.reason in _GOOD_ENDS
        and other.last.sequence > release.last.sequence
    ]
    following = min(promoted, key=lambda other: other.last.sequence, default=None)
    gone_back = following is not None and following.revision == release.stable
    return replace(release, taken_back=following.began if following and gone_back else None)
