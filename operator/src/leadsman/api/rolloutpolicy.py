"""RolloutPolicy: the proof a new revision owes before it may take traffic."""

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.checks import KINDS, Check, ErrorRateCheck, LatencyCheck
from leadsman.api.evidence import MAX_CHECKS
from leadsman.api.fields import Duration
from leadsman.api.metadata import ObjectMeta
from leadsman.api.preflight import PreflightRules

_MAX_STEPS = 20
_NAMES_OF_THEIR_OWN = (
    "self.all(check, !has(check.prometheus) || self.exists_one(other, has(other.prometheus)"
    " && other.prometheus.name == check.prometheus.name))"
)
_EACH_KIND_ONCE = " && ".join(
    f"self.filter(check, has(check.{kind})).size() <= 1" for kind in KINDS if kind != "prometheus"
)


class OnInconclusive(StrEnum):
    """What happens when a step's maxDuration is over and the evidence decides neither way."""

    HOLD = "Hold"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Until(StrEnum):
    """What ends a step well."""

    EVIDENCE = "Evidence"
    TIME = "Time"


class Shadow(ApiModel):
    """Copies of requests: users are answered by the stable revision alone, and never wait for the candidate."""

    percent: int = Field(
        default=100, description="Percent of infer requests that the candidate gets a copy of.", ge=1, le=100
    )


class Step(ApiModel):
    """One step: the candidate's share of traffic, or of copies of it, and how long that may take."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "has(self.weight) != has(self.shadow)",
                    "message": "a step has either a weight or a shadow",
                },
                {
                    "rule": "duration(self.minDuration) <= duration(self.maxDuration)",
                    "message": "maxDuration must not be shorter than minDuration",
                },
            ]
        }
    )

    weight: int | None = Field(default=None, description="Percent of requests that the candidate answers.", ge=1, le=99)
    shadow: Shadow | None = Field(
        default=None,
        description="Instead of a weight: the candidate gets copies of infer requests, and no user sees its answers. "
        "Requests that name a version are not copied. The gateway must be able to mirror requests.",
    )
    min_duration: Duration = Field(
        default=timedelta(minutes=1),
        description="The step takes at least this long, however good the evidence; with 0s evidence alone decides.",
    )
    max_duration: Duration = Field(
        default=timedelta(minutes=30),
        description="After this long, a step that could not pass ends as `onInconclusive` says.",
    )
    until: Until = Field(
        default=Until.EVIDENCE,
        description="Evidence: the step passes when every check has shown enough. Time: it passes when `minDuration` "
        "is over, unless a check fails or the candidate got no request.",
    )


class RolloutPolicySpec(ApiModel):
    """Steps, checks and budgets."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!self.checks.exists(check, has(check.agreement))"
                    " || self.steps.exists(step, has(step.shadow))",
                    "message": "the agreement check compares answers to the same requests: it needs a shadow step",
                }
            ]
        }
    )

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
    preflight: PreflightRules = Field(
        default=PreflightRules(), description="What a revision is held to before it has a single serving pod."
    )
    steps: tuple[Step, ...] = Field(
        default=(Step(weight=5), Step(weight=25), Step(weight=50)),
        description="The candidate's way up; after the last step it is promoted.",
        min_length=1,
        max_length=_MAX_STEPS,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "self.map(step, has(step.weight)).isSorted()",
                    "message": "shadow steps must come before all steps with a weight",
                },
                {
                    "rule": "self.filter(step, has(step.weight)).map(step, step.weight).isSorted() && self.all(step,"
                    " !has(step.weight) || self.exists_one(other, has(other.weight) && other.weight == step.weight))",
                    "message": "the weights of the steps must rise from each to the next",
                },
            ]
        },
    )
    checks: tuple[Check, ...] = Field(
        default=(Check(error_rate=ErrorRateCheck()), Check(latency=LatencyCheck())),
        description="What is compared between candidate and stable.",
        min_length=1,
        max_length=MAX_CHECKS,
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": _EACH_KIND_ONCE, "message": "each kind of check but prometheus may stand once"},
                {"rule": _NAMES_OF_THEIR_OWN, "message": "each prometheus check needs a name of its own"},
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
        default=timedelta(minutes=10),
        description="A candidate whose pods are not ready this long after its preflight is rejected.",
    )
    keep_warm: Duration = Field(
        default=timedelta(minutes=30), description="How long the previous revision stays loaded after a promotion."
    )


class RolloutPolicy(ApiModel):
    """The proof a new revision owes before it may take traffic."""

    metadata: ObjectMeta
    spec: RolloutPolicySpec = Field(default=RolloutPolicySpec(), description="Steps, checks and budgets.")
