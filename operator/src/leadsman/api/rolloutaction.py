"""RolloutAction: one operational verb by a person or a pipeline; admission proves who asked, it stays as the record."""

from datetime import datetime
from enum import StrEnum

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.fields import ObjectName
from leadsman.api.metadata import ObjectMeta

MAX_GROUPS = 512
_NAMES_A_REVISION = ("Approve", "Promote", "Skip", "Abort", "Retry")


class Verb(StrEnum):
    """What is asked for. RBAC knows the same words in lower case, as verbs on modeldeployments."""

    APPROVE = "Approve"
    PAUSE = "Pause"
    RESUME = "Resume"
    PROMOTE = "Promote"
    SKIP = "Skip"
    ABORT = "Abort"
    RETRY = "Retry"
    UNDO = "Undo"


class ActionOutcome(StrEnum):
    """What became of an action."""

    ACCEPTED = "Accepted"
    REFUSED = "Refused"


class Requester(ApiModel):
    """Who asks, as the API server has authenticated them."""

    user: str = Field(description="The user's name.", min_length=1, max_length=512)
    groups: tuple[str, ...] = Field(
        default=(),
        description="All groups of the user.",
        max_length=MAX_GROUPS,
        json_schema_extra={"items": {"type": "string", "maxLength": 512}, "x-kubernetes-list-type": "atomic"},
    )
    uid: str | None = Field(
        default=None, description="The user's UID, where the authenticator gives one.", max_length=512
    )


class RolloutActionSpec(ApiModel):
    """What is asked for, by whom. It never changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"!(self.verb in {list(_NAMES_A_REVISION)}) || has(self.revision)",
                    "message": f"{', '.join(_NAMES_A_REVISION[:-1])} and {_NAMES_A_REVISION[-1]} need `revision`: "
                    "the revision that they speak of, as status.rollout names it",
                },
                {
                    "rule": "has(self.evidence) == (self.verb == 'Approve')",
                    "message": "Approve, and nothing else, needs `evidence`: what the approver has seen, as "
                    "status.rollout.candidate.gate.evidence names it",
                },
                {
                    "rule": "has(self.step) == (self.verb == 'Skip')",
                    "message": "Skip, and nothing else, needs `step`: the step that it ends, as "
                    "status.rollout.candidate.step counts it, from 0",
                },
            ]
        }
    )

    model_deployment: ObjectName = Field(description="The ModelDeployment of this namespace that it is about.")
    verb: Verb = Field(description="What to do: Approve, Pause, Resume, Promote, Skip, Abort, Retry or Undo.")
    revision: str | None = Field(
        default=None,
        description="The revision that it speaks of, by its hash; it is void for any other. Undo returns to it, or to "
        "the previous revision when it is left out.",
        min_length=1,
        max_length=63,
    )
    evidence: str | None = Field(
        default=None,
        description="Of Approve: what the approver has seen, `status.rollout.candidate.gate.evidence` of the "
        "ModelDeployment. The approval is void for any other evidence.",
        min_length=1,
        max_length=253,
    )
    step: int | None = Field(
        default=None,
        description="Of Skip: the step that it ends, `status.rollout.candidate.step` of the ModelDeployment, counted "
        "from 0. It is void in any other step.",
        ge=0,
        le=100,
    )
    reason: str = Field(default="", description="Why, for people.", max_length=1024)
    requested_by: Requester | None = Field(
        default=None,
        description="Who asks. Leave it out: admission fills it in, and refuses anybody else's name.",
    )


class RolloutActionStatus(ApiModel):
    """What became of it."""

    observed_generation: int = Field(
        default=-1, description="The generation of the spec that was looked at; -1 before the first look."
    )
    outcome: ActionOutcome | None = Field(
        default=None, description="Accepted or Refused; none while nobody has looked at it."
    )
    message: str = Field(default="", description="One sentence: what was done, or why nothing was.", max_length=4096)
    at: datetime | None = Field(default=None, description="When that was decided.")
    sequence: int | None = Field(
        default=None, description="Number of the decision that it led to: the receipt on the ModelRevision has it too."
    )


class RolloutAction(ApiModel):
    """One operational verb by a person or a pipeline: what was asked for, by whom, and what became of it."""

    metadata: ObjectMeta
    spec: RolloutActionSpec = Field(description="What is asked for, by whom. It never changes.")
    status: RolloutActionStatus = Field(default=RolloutActionStatus(), description="What became of it.")
