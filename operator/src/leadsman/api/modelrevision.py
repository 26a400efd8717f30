"""ModelRevision: the immutable record of one distinct model + runtime; its status is the audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from leadsman.api.base import ApiModel
from leadsman.api.evidence import MAX_CHECKS, CheckReport
from leadsman.api.fields import Digest
from leadsman.api.metadata import ObjectMeta
from leadsman.api.modeldeployment import ModelSource
from leadsman.api.preflight import PreflightReport
from leadsman.api.runtime import Runtime

RECEIPTS_KEPT = 50


class Outcome(StrEnum):
    """How a revision's rollout ended, so far."""

    IN_PROGRESS = "InProgress"
    PROMOTED = "Promoted"
    REJECTED = "Rejected"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    ABORTED = "Aborted"


class ModelRevisionSpec(ApiModel):
    """The revision, with everything resolved and pinned."""

    model_deployment: str = Field(description="The ModelDeployment it belongs to.")
    revision: str = Field(description="The hash that names it.")
    model: ModelSource = Field(description="Where the model's bytes are.")
    runtime: Runtime = Field(description="How the model is run.")
    pod_template: dict[str, Any] = Field(
        description="The pod template exactly as it runs, but for `digest`. An upgrade of Leadsman never changes it.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    digest: Digest | None = Field(
        default=None,
        description="The digest of the bytes that its preflight has proved: its pods refuse all others. Set once.",
    )


class DecisionRecord(ApiModel):
    """The receipt of one decision about the revision: what was decided, and what it was based on."""

    sequence: int = Field(description="The decision's number within the ModelDeployment.")
    at: datetime = Field(description="When it was taken.")
    reason: str = Field(description="One CamelCase word for what was decided.", max_length=64)
    message: str = Field(description="One sentence for people.", max_length=4096)
    candidate: str = Field(default="", description="This revision.", max_length=253)
    stable: str | None = Field(
        default=None,
        description="The revision that served before the decision; none for the first of a model.",
        max_length=253,
    )
    weight_before: int = Field(
        description="This revision's percent of requests before; the rest was the stable revision's."
    )
    weight_after: int = Field(description="And after.")
    by: str = Field(default="", description="Who asked for it; empty when nobody had to.", max_length=512)
    action: str = Field(default="", description="The RolloutAction by which it was asked for.", max_length=253)
    policy: str = Field(default="", description="Hash of the policy that the rollout went by.", max_length=63)
    digest: Digest | None = Field(default=None, description="Digest of this revision's model, as its pods fetched it.")
    stable_digest: Digest | None = Field(default=None, description="Digest of the stable revision's model.")
    checks: tuple[CheckReport, ...] = Field(default=(), description="How each check stood.", max_length=MAX_CHECKS)


class ModelRevisionStatus(ApiModel):
    """What became of the revision."""

    outcome: Outcome = Field(
        default=Outcome.IN_PROGRESS,
        description="InProgress, Promoted, Rejected (by its preflight), RolledBack, Superseded or Aborted.",
    )
    message: str = Field(default="", description="The last decision in one sentence.", max_length=4096)
    digest: Digest | None = Field(default=None, description="The digest of the bytes that the pods fetched.")
    preflight: PreflightReport | None = Field(default=None, description="What its last preflight found.")
    # Named so that `kubectl describe`, which sorts fields, shows it last: the outcome and its sentence come first.
    receipts: tuple[DecisionRecord, ...] = Field(
        default=(),
        description="Every decision about the revision, oldest first; the newest 50 are kept, or fewer long ones.",
        max_length=RECEIPTS_KEPT,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["sequence"]},
    )


class ModelRevision(ApiModel):
    """Immutable record of one distinct model + runtime; its status is the audit trail."""

    metadata: ObjectMeta
    spec: ModelRevisionSpec = Field(description="The revision, with everything resolved and pinned.")
    status: ModelRevisionStatus = Field(default=ModelRevisionStatus(), description="What became of it.")
