"""RolloutPolicy: the proof a new revision owes before it may take traffic."""

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.checks import Check, ErrorRateCheck, LatencyCheck
from leadsman.api.fields import Duration
from leadsman.api.metadata import ObjectMeta


class OnInconclusive(StrEnum):
    """What happens when a step's maxDuration is over and the evidence decides neither way."""

    HOLD = "Hold"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Step(ApiModel):
    """One step: the candidate's share of traffic, and how long it may stay there."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "duration(self.minDuration) <= duration(self.maxDuration)",
                    "message": "maxDuration must not be shorter than minDuration",
                }
            ]
        }
    )

    weight: int = Field(description="Percent of requests that the candidate gets.", ge=1, le=99)
    min_duration: Duration = Field(
        default=timedelta(minutes=1), description="The step takes at least this long, however good the evidence."
    )
    max_duration: Duration = Field(
        default=timedelta(minutes=30), description="After this long without enough evidence `onInconclusive` decides."
    )


class RolloutPolicySpec(ApiModel):
    """Steps, checks and budgets."""

    false_rollback_rate: float = Field(
        default=0.01,
        description="The chance, at most, that a candidate no worse than stable is rolled back; all checks share it.",
        ge=0.0001,
        le=0.5,
        # For a whole number the API server cuts the minimum off to one too, which is 0.
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "self >= 0.0001", "message": "falseRollbackRate must be 0.0001 at least"}
            ]
        },
    )
    steps: tuple[Step, ...] = Field(
        default=(Step(weight=5), Step(weight=25), Step(weight=50)),
        description="The candidate's way up; after the last step it is promoted.",
        min_length=1,
        max_length=20,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "self.map(step, step.weight).isSorted()"
                    " && self.all(step, self.exists_one(other, other.weight == step.weight))",
                    "message": "the weights of the steps must rise from each to the next",
                }
            ]
        },
    )
    checks: tuple[Check, ...] = Field(
        default=(Check(error_rate=ErrorRateCheck()), Check(latency=LatencyCheck())),
        description="What is compared between candidate and stable.",
        min_length=1,
        max_length=8,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "self.filter(check, has(check.errorRate)).size() <= 1"
                    " && self.filter(check, has(check.latency)).size() <= 1",
                    "message": "each kind of check may stand once",
                }
            ]
        },
    )
    interval: Duration = Field(
        default=timedelta(seconds=2),
        description="How often to look at the evidence, 1s at least. Looking often costs no accuracy.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "duration(self) >= duration('1s')", "message": "the interval must be 1s at least"}
            ]
        },
    )
    on_inconclusive: OnInconclusive = Field(
        default=OnInconclusive.HOLD,
        description="What happens when a step's maxDuration is over without a decision: Hold, Promote or Rollback.",
    )
    progress_deadline: Duration = Field(
        default=timedelta(minutes=10), description="A candidate whose pods are not ready after this long is rejected."
    )
    keep_warm: Duration = Field(
        default=timedelta(minutes=30), description="How long the previous revision stays loaded after a promotion."
    )


class RolloutPolicy(ApiModel):
    """The proof a new revision owes before it may take traffic."""

    metadata: ObjectMeta
    spec: RolloutPolicySpec = Field(default=RolloutPolicySpec(), description="Steps, checks and budgets.")
