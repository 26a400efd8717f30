"""What a recording consists of: a header, and an entry for each pass in which something happened."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from leadsman.api.base import ApiModel
from leadsman.api.evidence import Evidence
from leadsman.api.fields import Digest
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Asking, Mode
from leadsman.core.evidence import ArmCounts, Look
from leadsman.core.situation import Preflight, Request

_LATEST = 253402300799.0
_MOST = 10**15

Revision = Annotated[str, Field(max_length=253)]
Moment = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]


class Header(ApiModel):
    """Which rollout was recorded, and by which policy.

    `decisions` is how many the ModelDeployment had taken before. `merged` means that neighbouring looks were added up
    to save space, so that a replay is close to what happened but no longer the same.
    """

    format: Literal[1] = 1
    model: str = Field(max_length=253)
    candidate: Revision
    stable: Revision
    policy: RolloutPolicySpec
    returning: bool = False
    decisions: int = Field(ge=0)
    merged: bool = False
    author: str = ""
    paused: Asking | None = None


class Entry(ApiModel):
    """One pass: the look, and what else the machine saw.

    `number` counts from 1 and goes up; where it skips, looks were merged. `at` is in Unix seconds. `desired` is the
    revision that the spec names when it is another than the candidate. `decisions` is how many were taken about the
    candidate, and the digests are those of the models when there were any. `begun` is the evidence before the first
    look, without marks of pods. `preflight` is how the preflight stood that it owed. `unsettled` says why requests did
    not go as decided yet, and `testers` that some always got the candidate. `requests` are what people asked for, and
    `proved` the revisions that they could return to; `stable_ready` is how many pods stable had ready, where the policy
    asks.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")

    number: int = Field(ge=1)
    at: Moment
    replicas: int = Field(ge=0)
    ready: int = Field(default=0, ge=0)
    failure: str | None = Field(default=None, max_length=4096)
    mode: Mode = Mode.GATEWAY
    desired: Revision | None = None
    decisions: int = Field(default=0, ge=0)
    digest: Digest | None = None
    stable_digest: Digest | None = None
    begun: Evidence | None = None
    look: Look | None = None
    preflight: Preflight | None = None
    unsettled: str = Field(default="", max_length=4096)
    testers: bool = False
    requests: tuple[Request, ...] = ()
    proved: tuple[Revision, ...] = ()
    stable_ready: int | None = Field(default=None, ge=0)

    @property
    def moment(self) -> datetime:
        """When it was. Microseconds survive: a float holds them until the year 2242."""
        return datetime.fromtimestamp(self.at, UTC)


class Recording(ApiModel):
    """A rollout from its beginning, as far as it was recorded."""

    header: Header
    entries: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        numbers = [entry.number for entry in self.entries]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise ValueError("the entries are not in order")
        bounds = 0
        for entry in self.entries:
            if entry.begun is not None:
                bounds = len(entry.begun.bounds)
            if entry.look is not None:
                _check(entry.look, bounds)
                bounds = len(entry.look.bounds) or bounds
        return self


def without_marks(state: Evidence) -> Evidence:
    """The evidence without what only the next look at the pods needs."""
    return state.model_copy(update={"pods": (), "lives": (), "answers": ()})


def added(one: ArmCounts, other: ArmCounts) -> ArmCounts:
    """What a revision did in two looks together."""
    sums = {field.name: getattr(one, field.name) + getattr(other, field.name) for field in _SUMMED}
    slower = tuple(map(sum, zip(one.slower, other.slower, strict=True))) if one.slower and other.slower else None
    return replace(one, slower=slower if slower is not None else one.slower or other.slower, **sums)


_SUMMED = tuple(field for field in fields(ArmCounts) if field.name != "slower")
_PARTS = (("errors", "requests"), ("wrong", "labelled"), ("top", "predicted"))


def _check(look: Look, bounds: int) -> None:
    for arm in (look.candidate, look.stable):
        if len(arm.slower) not in (0, bounds):
            raise ValueError("a look counts by other latency bounds than were chosen")
        counts = [getattr(arm, field.name) for field in _SUMMED]
        if not all(0 <= count <= _MOST for count in (*counts, *arm.slower)):
            raise ValueError("a look has a count below 0, or one that cannot be")
        if any(getattr(arm, part) > getattr(arm, whole) for part, whole in _PARTS):
            raise ValueError("a look has more events than requests")
        if any(count > arm.answered for count in arm.slower):
            raise ValueError("a look has more slow answers than answers")
    if not 0 <= look.pairs.disagreed <= look.pairs.compared <= _MOST:
        raise ValueError("a look has more disagreement than comparisons")
