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


class OnBadStable(StrEnum):
    """What happens when it is the stable revision that fails while a candidate is on its way."""

    HOLD = "Hold"
    PROMOTE = "Promote"


class OnSkew(StrEnum):
    """What happens while requests are not split as configured."""

    HOLD = "Hold"
    IGNORE = "Ignore"


class ApprovalRules(ApiModel):
    """People who have to agree, by a RolloutAction, before the candidate goes on. It keeps the share that it has."""

    required: int = Field(default=1, description="How many different people have to approve.", ge=1, le=10)
    groups: tuple[str, ...] = Field(
        default=(),
        description="Only members of one of these groups count, as the API server knows them; everybody who may "
        "approve when left out.",
        max_length=16,
    )
    not_by_author: bool = Field(
        default=False,
        description="Who last changed the model or runtime of the ModelDeployment does not count. That is known where "
        "the chart's MutatingAdmissionPolicy is installed; elsewhere no approval counts.",
    )


class WatchRules(ApiModel):
    """How a revision is watched after its promotion, for as long as the previous one is kept warm."""

    copies: int | None = Field(
        default=None,
        description="Percent of infer requests that the previous revision gets a copy of, so that both can be compared "
        "on; no user sees its answers. When left out, 100 where the policy has a shadow step, since that gateway is "
        "known to mirror, else 0. Without copies only the objective, crashes, Prometheus and pods that are not ready "
        "speak; latency is compared at 100 only.",
        ge=0,
        le=100,
    )


class Step(ApiModel):
    """One step: the candidate's share of traffic or of copies of it, or people's word; and how long that may take."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "[has(self.weight), has(self.shadow), has(self.approval)].filter(given, given).size() == 1",
                    "message": "a step has either a weight or a shadow or an approval",
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
    approval: ApprovalRules | None = Field(
        default=None,
        description="Instead of a weight: the candidate keeps its share until people have approved it. Evidence of "
        "harm ends the rollout meanwhile as ever.",
    )
    min_duration: Duration = Field(
        default=timedelta(minutes=1),
        description="The step takes at least this long, however good the evidence; with 0s evidence alone decides.",
    )
    max_duration: Duration = Field(
        default=timedelta(minutes=30),
        description="After this long, a step that could not pass ends as `onInconclusive` says; nothing but people "
        "passes an approval.",
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
                    "rule": "self.filter(step, !has(step.approval)).map(step, has(step.weight)).isSorted()",
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
    on_bad_stable: OnBadStable = Field(
        default=OnBadStable.HOLD,
        description="What happens when the stable revision has had no ready pod for 30 s, or was shown to exceed the "
        "objective of errorRate which the candidate keeps: Hold, or Promote, with what is shown on the record.",
    )
    on_skew: OnSkew = Field(
        default=OnSkew.HOLD,
        description="What happens while the candidate's measured share of requests is shown to differ from its weight "
        "(its odds by more than a factor of two): Hold the step, or Ignore it where many callers go round the gateway.",
    )
    progress_deadline: Duration = Field(
        default=timedelta(minutes=10),
        description="A candidate whose pods are not ready this long after its preflight, or whose route is not "
        "accepted for this long, is rejected.",
    )
    deadline: Duration | None = Field(
        default=None,
        description="A rollout that is not over this long after it began is rolled back, whatever it waits for; no "
        "limit when left out.",
    )
    keep_warm: Duration = Field(
        default=timedelta(minutes=30),
        description="How long the previous revision stays loaded after a promotion, and the new one is watched.",
    )
    watch: WatchRules = Field(default=WatchRules(), description="How a revision is watched after its promotion.")


class RolloutPolicy(ApiModel):
    """The proof a new revision owes before it may take traffic."""

    metadata: ObjectMeta
    spec: RolloutPolicySpec = Field(default=RolloutPolicySpec(), description="Steps, checks and budgets.")
