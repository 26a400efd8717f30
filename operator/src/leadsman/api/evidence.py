"""What a rollout has seen and what it makes of it: `.status.rollout.evidence` of a ModelDeployment."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from leadsman.api.base import ApiModel

MAX_PODS = 400
MAX_COMPARISONS = 8
MAX_CHECKS = 20

Count = Annotated[int, Field(ge=0)]
Logs = Annotated[tuple[float, ...], Field(max_length=16)]


class Verdict(StrEnum):
    """What a check, or all checks together, say about the candidate."""

    PASS = "Pass"  # noqa: S105
    FAIL = "Fail"
    COLLECTING = "Collecting"
    BLIND = "Blind"


class PodMark(ApiModel):
    """The counters of one serving pod as the last look saw them."""

    pod: str = Field(max_length=64, description="UID of the pod.")
    started: float = Field(description="Start of the serving process, Unix seconds; another start is another counter.")
    revision: str = Field(max_length=253, description="Revision that the pod serves.")
    requests: Count = Field(description="Requests answered.")
    errors: Count = Field(description="Requests answered with anything but 2xx.")
    answered: Count = Field(default=0, description="Requests in the latency histogram.")
    slower: tuple[Count, ...] = Field(
        default=(), max_length=4, description="Requests slower than each latency bound; empty before bounds are fixed."
    )
    predictions: tuple[Count, ...] = Field(
        default=(), max_length=2, description="Predictions, and those of the top class; empty before that is fixed."
    )
    feedback: tuple[Count, ...] = Field(
        default=(),
        max_length=4,
        description="Answers judged by users and those found wrong: the candidate's two, then the stable revision's.",
    )


class LifeMark(ApiModel):
    """How often a pod's containers had been restarted when it was last looked at."""

    pod: str = Field(max_length=64, description="UID of the pod.")
    restarts: Count = Field(description="Restarts of its containers.")


class AnswerMark(ApiModel):
    """Up to which answer of a pod the revisions' answers have been compared."""

    pod: str = Field(max_length=64, description="UID of the pod.")
    seq: Count = Field(description="Number of the last answer that was compared.")


class ArmTotals(ApiModel):
    """Requests of one revision since the rollout began, and those among them that count against it."""

    requests: Count = Field(default=0, description="Requests counted.")
    events: Count = Field(default=0, description="Errors, answers slower than the bound, or what else is counted.")


class Stratum(ApiModel):
    """Some looks in which the two revisions are compared as one."""

    candidate: ArmTotals = Field(default=ArmTotals(), description="The candidate's requests and events.")
    stable: ArmTotals = Field(default=ArmTotals(), description="The stable revision's.")


class Dispersion(ApiModel):
    """How much more the events of one revision's neighbouring strata differ than independent ones would.

    The quotient of the two sums estimates by how much the variance is inflated.
    """

    observed: float = Field(default=0.0, ge=0, description="Sum of the squared differences of neighbouring strata.")
    expected: float = Field(default=0.0, ge=0, description="The same sum, expected if events were independent.")
    last: ArmTotals = Field(default=ArmTotals(), description="The last one with requests: the next one's neighbour.")


class Excess(ApiModel):
    """The evidence that each revision exceeds a rate by itself, in natural logarithms per rate of the grid."""

    bound: float = Field(gt=0, lt=1, description="The rate.")
    blames: bool = Field(description="Whether it is the policy's objective, so that the candidate may fail by it.")
    candidate: Logs = Field(default=(), description="The candidate's.")
    stable: Logs = Field(default=(), description="The stable revision's.")
    shared: bool = Field(
        default=False, description="The stable revision was seen to exceed it too: from then on it is no blame."
    )
    recent_requests: float = Field(default=0.0, ge=0, description="Requests of the stable revision in the last minute.")
    recent_events: float = Field(default=0.0, ge=0, description="Errors among them. Both fade away exponentially.")


class Comparison(ApiModel):
    """The evidence about one kind of event, candidate against stable. All evidence is in natural logarithms."""

    name: str = Field(max_length=63, description="What is compared: errorRate, quality, latency/p50 and its like.")
    tolerated: float = Field(gt=0, lt=1, description="The event rate that promotion evidence must exclude.")
    candidate: ArmTotals = Field(default=ArmTotals(), description="Totals of the candidate.")
    stable: ArmTotals = Field(default=ArmTotals(), description="Totals of the stable revision.")
    candidate_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the candidate's are.")
    stable_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the stable revision's are.")
    looks: Count = Field(default=0, description="Looks that counted any of the candidate.")
    open: Stratum = Field(default=Stratum(), description="The stratum that has not ended yet.")
    odds: Logs = Field(default=(), description="Likelihood of each odds ratio of the grid, against that of 1.")
    mantel: Logs = Field(
        default=(0.0, 0.0), description="The two sums of the Mantel-Haenszel estimate of the odds ratio."
    )
    absolute: Logs = Field(default=(), description="Evidence of a rate below the tolerated one, per rate of the grid.")
    relative: Logs = Field(default=(), description="Evidence of odds below the tolerated ones, per ratio of the grid.")
    excess: Excess | None = Field(default=None, description="Evidence against the objective, where there is one.")


class Agreement(ApiModel):
    """The evidence about answers of both revisions to the same requests."""

    tolerated: float = Field(gt=0, lt=1, description="The share of disagreement that the policy tolerates.")
    totals: ArmTotals = Field(default=ArmTotals(), description="Requests compared, and those with disagreement.")
    dispersion: Dispersion = Field(default=Dispersion(), description="How clumped disagreement is.")
    harm: Logs = Field(default=(), description="Evidence of more disagreement, per rate of the grid.")
    absolute: Logs = Field(default=(), description="Evidence of less disagreement, per rate of the grid.")


class Difference(ApiModel):
    """The difference of two shares, candidate minus stable, stratified."""

    name: str = Field(max_length=63, description="What is compared: predictions or quality.")
    candidate: ArmTotals = Field(default=ArmTotals(), description="Totals of the candidate.")
    stable: ArmTotals = Field(default=ArmTotals(), description="Totals of the stable revision.")
    candidate_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the candidate's are.")
    stable_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the stable revision's are.")
    open: Stratum = Field(default=Stratum(), description="The stratum that has not ended yet.")
    weight: float = Field(default=0.0, ge=0, description="Sum of the strata's effective numbers of requests.")
    weighted: float = Field(default=0.0, description="Sum of the strata's differences, each times that number.")


class ArmCrashes(ApiModel):
    """How often containers of one revision ended, and for how long they were watched."""

    count: Count = Field(default=0, description="Containers that ended.")
    pod_seconds: float = Field(default=0.0, ge=0, description="Seconds watched, summed over pods.")


class Crashes(ApiModel):
    """The evidence about containers that end."""

    candidate: ArmCrashes = Field(default=ArmCrashes(), description="The candidate's.")
    stable: ArmCrashes = Field(default=ArmCrashes(), description="The stable revision's.")
    shared: bool = Field(default=False, description="The stable revision's ended too often as well.")


class Threshold(ApiModel):
    """How a number of a Prometheus server stands against its bounds."""

    name: str = Field(max_length=63, description="Name of the check.")
    asked_at: float = Field(description="When it was last asked for, Unix seconds.")
    value: float | None = Field(default=None, description="What it was; none when there was no number.")
    failures: Count = Field(default=0, description="How many times in a row it was out of bounds.")


class LatencyBound(ApiModel):
    """A pair of histogram bounds: stable's answers slower than one against the candidate's slower than the other."""

    quantile: float = Field(gt=0, lt=1, description="The quantile of the stable revision that the bound stands for.")
    stable: float = Field(gt=0, description="Bound for the stable revision, seconds.")
    candidate: float = Field(gt=0, description="Bound for the candidate, seconds: tolerateRatio times as slow or more.")
    tolerated: float = Field(
        gt=0, lt=1, description="The share of the candidate's answers over its bound that a step must exclude."
    )


class Evidence(ApiModel):
    """Everything that the next decision depends on. Small, and complete: restoring it continues where it was."""

    version: int = Field(default=1, ge=1, description="Version of this structure.")
    candidate: str = Field(max_length=253, description="Revision on trial.")
    stable: str = Field(max_length=253, description="Revision that it is compared with.")
    began: float = Field(description="When observation began, Unix seconds.")
    pods: tuple[PodMark, ...] = Field(default=(), max_length=MAX_PODS, description="Counters as last seen, per pod.")
    lives: tuple[LifeMark, ...] = Field(default=(), max_length=MAX_PODS, description="Restarts as last seen, per pod.")
    answers: tuple[AnswerMark, ...] = Field(
        default=(), max_length=MAX_PODS, description="Answers compared so far, per pod."
    )
    bounds: tuple[LatencyBound, ...] = Field(
        default=(), max_length=4, description="Latency bounds; fixed before any latency of the candidate counts."
    )
    top_class: str | None = Field(
        default=None, max_length=256, description="The class that the stable revision predicts most; fixed likewise."
    )
    comparisons: tuple[Comparison, ...] = Field(
        default=(), max_length=MAX_COMPARISONS, description="Evidence per kind of event."
    )
    agreement: Agreement | None = Field(default=None, description="Evidence about answers to the same requests.")
    differences: tuple[Difference, ...] = Field(default=(), max_length=4, description="Evidence about shares.")
    crashes: Crashes | None = Field(default=None, description="Evidence about containers that end.")
    thresholds: tuple[Threshold, ...] = Field(
        default=(), max_length=MAX_CHECKS, description="Numbers of a Prometheus server."
    )
    step_requests: Count = Field(default=0, description="Requests of the candidate since the step began.")
    candidate_requests: Count = Field(default=0, description="Requests of the candidate since the rollout began.")
    judged_candidate: Count = Field(default=0, description="Requests of the candidate that feedback may be about.")
    judged_stable: Count = Field(default=0, description="Requests of the stable revision in the same time.")
    rate: float = Field(default=0.0, ge=0, description="Requests per second of the candidate, smoothed.")
    counted_at: float | None = Field(default=None, description="When requests were last counted, Unix seconds.")
    looked_at: float | None = Field(default=None, description="When anything was last counted, Unix seconds.")
    unseen_since: float | None = Field(
        default=None, description="Since when no counters of the candidate can be read, Unix seconds."
    )


class CheckReport(ApiModel):
    """One check's verdict and the figures behind it."""

    name: str = Field(max_length=63, description="Name of the check.")
    verdict: Verdict = Field(description="Pass, Fail, Collecting or Blind.")
    harm: float = Field(ge=0, le=1, description="Evidence of harm as a share of what a rollback needs (log scale).")
    promotion: float = Field(ge=0, le=1, description="Evidence for a step as a share of what it needs (log scale).")
    candidate: ArmTotals = Field(default=ArmTotals(), description="Counts of the candidate.")
    stable: ArmTotals = Field(default=ArmTotals(), description="Counts of the stable revision.")
    quantity: str = Field(default="", max_length=63, description="What is estimated, such as odds ratio.")
    estimate: float | None = Field(default=None, description="The estimate; none where nothing was counted yet.")
    low: float | None = Field(
        default=None, description="Lower end of its 95 % confidence sequence, which holds at all looks at once."
    )
    high: float | None = Field(default=None, description="Upper end; none where it is open.")
    requests_needed: int | None = Field(default=None, ge=0, description="Candidate requests still needed to pass.")
    eta_seconds: int | None = Field(default=None, ge=0, description="How long those take at the present rate.")
    message: str = Field(max_length=512, description="The same in one sentence.")


class Judgement(ApiModel):
    """The verdict of all checks together."""

    verdict: Verdict = Field(description="Fail if harm is shown, Pass if every check passes.")
    message: str = Field(max_length=512, description="The sentence of the check that decided.")
    checks: tuple[CheckReport, ...] = Field(default=(), max_length=MAX_CHECKS, description="Every check's report.")
