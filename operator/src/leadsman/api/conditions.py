"""Conditions as kstatus reads them, and the one vocabulary of reasons that conditions, Events and log lines share."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from leadsman.api.base import ApiModel


class ConditionType(StrEnum):
    """What a condition states. `Reconciling`, `Stalled` (kstatus) and `Skewed` are present only when True."""

    AVAILABLE = "Available"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SKEWED = "Skewed"


class Reason(StrEnum):
    """Why something is so or was done. The same word stands in condition, Event, receipt and log line."""

    # how a revision gets in
    ROLLOUT_STARTED = "RolloutStarted"
    STEP_STARTED = "StepStarted"
    HELD = "Held"
    APPROVAL_AWAITED = "ApprovalAwaited"
    APPROVED = "Approved"
    FORCED = "Forced"
    FIRST_REVISION = "FirstRevision"
    SWITCHED = "Switched"
    RETURNED = "Returned"
    PROMOTED = "Promoted"
    # how a revision gets out
    PREFLIGHT_FAILED = "PreflightFailed"
    EVIDENCE_FAILED = "EvidenceFailed"
    INCONCLUSIVE = "Inconclusive"
    MODEL_FAILED = "ModelFailed"
    CANDIDATE_UNREADY = "CandidateUnready"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    SUPERSEDED = "Superseded"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    ABORTED = "Aborted"
    UNDONE = "Undone"
    # what people do besides
    PAUSED = "Paused"
    RESUMED = "Resumed"
    RETRIED = "Retried"
    UNDO_STARTED = "UndoStarted"
    UNDO_FAILED = "UndoFailed"
    # what is so now
    SERVING = "Serving"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    ROLLED_BACK = "RolledBack"
    RESOLVING = "Resolving"
    NO_REVISION = "NoRevision"
    NO_READY_REPLICAS = "NoReadyReplicas"
    TOO_FEW_REPLICAS = "TooFewReplicas"
    AUTOSCALER_MISSING = "AutoscalerMissing"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    SPLIT_DISAGREES = "SplitDisagrees"
    SPLIT_DISTURBED = "SplitDisturbed"
    POLICY_NOT_FOUND = "PolicyNotFound"
    CONFIG_UNKNOWN = "ConfigUnknown"
    INVALID_SPEC = "InvalidSpec"
    REFUSED = "Refused"


class Condition(ApiModel):
    """One condition, in the form of metav1.Condition."""

    type: str = Field(description="What the condition states.", max_length=64)
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int = Field(default=0, description="The generation of the object that this was judged by.")
    last_transition_time: datetime = Field(description="When `status` last changed.")
    reason: str = Field(description="One CamelCase word for why.", max_length=64)
    message: str = Field(default="", description="One sentence for people.", max_length=4096)
