"""The status of a ModelDeployment. `status.rollout` is the state of the rollout machine: all that a restart needs."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from leadsman.api.base import ApiModel
from leadsman.api.conditions import Condition
from leadsman.api.evidence import MAX_CHECKS, CheckReport, Evidence
from leadsman.api.fields import Digest
from leadsman.api.rolloutpolicy import RolloutPolicySpec

_REVISION = "A revision, by its hash."
MAX_RETIRING = 50
MAX_TRAFFIC = 8
MAX_ACTED = 32
_USER = 512

_ANY = WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
# The kind RolloutPolicy has its schema: a copy of that in every status would be most of this kind's definition.
PolicyCopy = Annotated[RolloutPolicySpec, _ANY]
# The schema of a candidate's evidence is in this kind.
EvidenceCopy = Annotated[Evidence, _ANY]


class Phase(StrEnum):
    """Where the rollout machine stands."""

    IDLE = "Idle"
    PREFLIGHT = "Preflight"
    PREPARING = "Preparing"
    SHADOW = "Shadow"
    CANARY = "Canary"
    APPROVAL = "Approval"
    WATCHING = "Watching"
    ROLLED_BACK = "RolledBack"


class Mode(StrEnum):
    """Who splits traffic."""

    GATEWAY = "Gateway"
    SERVICE = "Service"


class RecordingTail(ApiModel):
    """The newest lines of the rollout's recording, which go to the ModelRevision some thirty at a time."""

    next: int = Field(description="Number of the next line.", ge=1)
    lines: tuple[str, ...] = Field(default=(), description="Lines that are not yet there.", max_length=64)


class Asking(ApiModel):
    """Who asked for something, and why."""

    by: str = Field(description="The user, or `policy`.", max_length=_USER)
    at: datetime = Field(description="When.")
    message: str = Field(default="", description="The reason that was given.", max_length=1024)


class Watch(ApiModel):
    """A promoted revision is still compared with the previous one, which takes over again when harm is shown."""

    previous: str = Field(description="The revision that was stable before, and is still loaded.")
    until: datetime = Field(description="When the watch ends.")
    copies: int = Field(default=0, description="Percent of requests that the previous revision gets a copy of.")
    failing_since: datetime | None = Field(
        default=None, description="Since when harm is shown that the previous revision lacks the pods to end."
    )
    policy: PolicyCopy = Field(description="The policy as it was when the rollout began.")
    evidence: EvidenceCopy | None = Field(default=None, description="What the checks have counted since the promotion.")
    checks: tuple[CheckReport, ...] = Field(default=(), description="How each check stands.", max_length=MAX_CHECKS)


# So is that of a watch.
WatchCopy = Annotated[Watch, _ANY]


class Undoing(Asking):
    """A return to an earlier revision that somebody asked for."""

    instead: str = Field(description="The revision that the spec names, which is not wanted any more.")
    watch: WatchCopy | None = Field(
        default=None, description="The watch that it ended: it goes on if the earlier revision cannot serve."
    )


class GivenApproval(ApiModel):
    """One person's approval."""

    user: str = Field(description="Who approved.", max_length=_USER)
    at: datetime = Field(description="When.")
    action: str = Field(description="Name of the RolloutAction.", max_length=253)


class Gate(ApiModel):
    """An approval that a candidate waits for."""

    step: int = Field(description="Index of the step in the policy, from 0.")
    since: datetime = Field(description="Since when.")
    evidence: str = Field(
        description="Names this wait with the evidence that it began with. An approval that names another is void.",
        max_length=64,
    )
    required: int = Field(description="How many people have to approve.")
    weight: int = Field(default=0, description="Percent of requests that the candidate keeps meanwhile.")
    copies: int = Field(default=0, description="Percent of requests that it keeps getting a copy of.")
    splits: bool = Field(
        default=True, description="Traffic could be split when the wait began; if it can only later, steps come first."
    )
    approvals: tuple[GivenApproval, ...] = Field(default=(), description="Who has.", max_length=10)


class Split(ApiModel):
    """How requests were split in this step, and the evidence that it is not as configured (natural logarithms)."""

    requests: int = Field(default=0, ge=0, description="Requests to both revisions.")
    candidate: int = Field(default=0, ge=0, description="Those to the candidate.")
    more: tuple[float, ...] = Field(default=(), max_length=8, description="That it gets more than twice its odds.")
    less: tuple[float, ...] = Field(default=(), max_length=8, description="That it gets less than half its odds.")


class RouteSeen(ApiModel):
    """How the route has fared in a step since it was first as it was written."""

    at: datetime = Field(description="When it was last found changed, or else first as written.")
    changed: str = Field(default="", description="How it was changed.", max_length=1024)


class Candidate(ApiModel):
    """A revision on its way in."""

    revision: str = Field(description=_REVISION)
    started_at: datetime = Field(description="When the rollout began.")
    prepared_at: datetime | None = Field(default=None, description="When its pods began to be prepared.")
    step: int = Field(default=0, description="Index of the step in the policy, from 0.")
    step_started_at: datetime | None = Field(default=None, description="When the step began.")
    returning: bool = Field(
        default=False, description="It was stable a moment ago and is still loaded: it goes back without steps."
    )
    overdue: bool = Field(default=False, description="The step's maxDuration is over and the policy says Hold.")
    clock_stopped_at: datetime | None = Field(
        default=None,
        description="Since when the step's clock stands, if it does.",
    )
    unsettled_since: datetime | None = Field(
        default=None, description="Since when the route is not accepted as it was written."
    )
    route: RouteSeen | None = Field(default=None, description="How the route fares in this step.")
    author: str = Field(
        default="", description="Who last changed the model or runtime, where that is known.", max_length=_USER
    )
    stable_failing_since: datetime | None = Field(
        default=None, description="Since when the stable revision has had no ready pod."
    )
    gate: Gate | None = Field(default=None, description="The approval that it waits for.")
    forced: Asking | None = Field(
        default=None, description="Who asked for its promotion without further evidence; approvals it still owes."
    )
    undoes: Undoing | None = Field(
        default=None, description="Set when it is an earlier revision that somebody asked for."
    )
    split: Split = Field(default=Split(), description="How requests were split in this step.")

    @property
    def wanted(self) -> str:
        """What the spec has to name for this to go on."""
        return self.undoes.instead if self.undoes else self.revision

    policy: PolicyCopy = Field(
        description="The policy as it was when the rollout began; a later edit holds for the next rollout."
    )
    evidence: Evidence | None = Field(default=None, description="What the checks have counted so far.")
    checks: tuple[CheckReport, ...] = Field(default=(), description="How each check stands.", max_length=MAX_CHECKS)
    recording: RecordingTail | None = Field(
        default=None, description="What the rollout has seen, for `leadsman backtest`; none where nothing is compared."
    )


class Rejection(ApiModel):
    """A revision that was taken back. It gets no traffic until the spec names another one."""

    revision: str = Field(description=_REVISION)
    at: datetime = Field(description="When it was rejected.")
    reason: str = Field(description="One CamelCase word for why.", max_length=64)
    message: str = Field(description="One sentence for people.", max_length=4096)


class Retiring(ApiModel):
    """A revision without traffic whose pods still run."""

    revision: str = Field(description=_REVISION)
    until: datetime = Field(description="When its pods are deleted.")
    warm: bool = Field(default=False, description="It was stable, and is kept loaded for a quick way back.")
    replicas: int | None = Field(
        default=None, description="The pods that an autoscaler may not go below; none without autoscaling."
    )


class Capacity(ApiModel):
    """What carries all of the requests: known while a rollout is under way, as no share shows it then."""

    replicas: int = Field(description="Pods: those of stable when the rollout began, or more if traffic grew since.")
    until: datetime | None = Field(
        default=None,
        description="When stable is left to its autoscaler again; none while there is a candidate.",
    )


class Acted(ApiModel):
    """A RolloutAction that was decided on, until its own status says so."""

    uid: str = Field(description="Its UID.", max_length=64)
    name: str = Field(description="Its name.", max_length=253)
    accepted: bool = Field(description="Whether it was done.")
    message: str = Field(description="One sentence.", max_length=1024)
    at: datetime = Field(description="When it was decided on.")
    sequence: int | None = Field(default=None, description="Number of the decision that it led to.")


class RolloutState(ApiModel):
    """The state of the rollout machine; core.rollout.step is its only writer."""

    phase: Phase = Field(
        default=Phase.IDLE,
        description="Where the machine stands: Idle, Preflight, Preparing, Shadow, Canary, Approval, Watching or "
        "RolledBack.",
    )
    stable: str | None = Field(default=None, description="The revision that users are served by.")
    candidate: Candidate | None = Field(default=None, description="The revision on its way in.")
    watch: Watch | None = Field(default=None, description="How the stable revision is watched after its promotion.")
    paused: Asking | None = Field(default=None, description="Who paused: nothing gets more traffic until Resume.")
    rejected: Rejection | None = Field(default=None, description="The desired revision, when it was taken back.")
    retiring: tuple[Retiring, ...] = Field(
        default=(), description="Revisions without traffic whose pods still run.", max_length=MAX_RETIRING
    )
    capacity: Capacity | None = Field(
        default=None, description="What carries all of the requests; none without autoscaling."
    )
    acted: tuple[Acted, ...] = Field(
        default=(),
        description="RolloutActions that were decided on and whose own status does not say so yet.",
        max_length=MAX_ACTED,
    )
    decisions: int = Field(
        default=0, description="How many decisions were taken; numbers the receipts on the ModelRevisions."
    )


class TrafficTarget(ApiModel):
    """One revision's part in serving, as configured and as observed."""

    revision: str = Field(description=_REVISION)
    version: str = Field(default="", description="Its version for people.")
    weight: int = Field(description="Percent of requests that the route gives it.")
    copies: int = Field(default=0, description="Percent of infer requests that the route gives it a copy of.")
    ready_replicas: int = Field(default=0, description="Its ready pods.")


class Following(ApiModel):
    """What a followed reference named when it was last resolved."""

    uri: str = Field(description="The reference.", max_length=2048)
    identity: str | None = Field(
        default=None,
        description="What the store knows it by: a manifest's digest, an ETag, a commit, a version.",
        max_length=1024,
    )
    digest: Digest | None = Field(default=None, description="The digest of what it names; it is a revision of its own.")
    checked_at: datetime | None = Field(default=None, description="When it was last looked at.")
    failures: int = Field(default=0, description="How many looks in a row have failed; the next one waits longer.")
    message: str = Field(default="", description="Why the last look failed.", max_length=1024)


class ModelDeploymentStatus(ApiModel):
    """What serves now and how the rollout goes."""

    observed_generation: int = Field(
        default=-1, description="The generation of the spec that this status speaks of; -1 before the first look."
    )
    mode: Mode | None = Field(
        default=None, description="Who splits traffic: Gateway, or Service when no split is possible."
    )
    mode_message: str = Field(default="", description="Why this mode.", max_length=1024)
    url: str = Field(default="", description="Where requests go inside the cluster.", max_length=512)
    stable_version: str = Field(default="", description="The stable revision's version for people.")
    stable_digest: Digest | None = Field(
        default=None, description="The digest that the stable revision's pods insist on."
    )
    weight: int | None = Field(
        default=None, description="The candidate's percent of requests; none when there is no candidate."
    )
    traffic: tuple[TrafficTarget, ...] = Field(default=(), description="Who serves what share.", max_length=MAX_TRAFFIC)
    rollout: RolloutState = Field(default=RolloutState(), description="The state of the rollout machine.")
    following: Following | None = Field(
        default=None, description="What the reference of `spec.model.follow` names; none without it."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Available: something can serve now. Ready: the desired revision is fully out. "
        "Reconciling and Stalled are present only when True.",
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
