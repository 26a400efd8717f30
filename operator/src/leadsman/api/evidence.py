"""What a rollout has seen and what it makes of it: `.status.rollout.evidence` of a ModelDeployment."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from leadsman.api.base import ApiModel

MAX_PODS = 400
MAX_COMPARISONS = 64
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
    """The counters of one serving pod as the last tick saw them."""

    pod: str = Field(max_length=64, description="UID of the pod.")
    started: float = Field(description="Start of the serving process, Unix seconds; another start is another counter.")
    revision: str = Field(max_length=253, description="Revision that the pod serves.")
    requests: Count = Field(description="Requests answered.")
    errors: Count = Field(description="Requests answered with anything but 2xx.")
    answered: Count = Field(default=0, description="Requests in the latency histogram.")
    slower: tuple[Count, ...] = Field(
        default=(), max_length=4, description="Requests slower than each latency bound; empty before bounds are fixed."
    )


class ArmTotals(ApiModel):
    """Requests of one revision since the rollout began, and those among them that count against it."""

    requests: Count = Field(default=0, description="Requests counted.")
    events: Count = Field(default=0, description="Errors, or answers slower than the bound.")


class Dispersion(ApiModel):
    """How much more the events of one revision's neighbouring ticks differ than independent ones would.

    The quotient of the two sums estimates by how much the variance is inflated.
    """

    observed: float = Field(default=0.0, ge=0, description="Sum of the squared differences of neighbouring ticks.")
    expected: float = Field(default=0.0, ge=0, description="The same sum, expected if events were independent.")
    last: ArmTotals = Field(default=ArmTotals(), description="The last tick with requests: the next one's neighbour.")


class Comparison(ApiModel):
    """The evidence about one kind of event, candidate against stable. All evidence is in natural logarithms."""

    name: str = Field(max_length=63, description="What is compared: errorRate, or latency/p50 and its like.")
    tolerated: float = Field(gt=0, lt=1, description="The event rate that promotion evidence must exclude.")
    candidate: ArmTotals = Field(default=ArmTotals(), description="Totals of the candidate.")
    stable: ArmTotals = Field(default=ArmTotals(), description="Totals of the stable revision.")
    candidate_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the candidate's are.")
    stable_dispersion: Dispersion = Field(default=Dispersion(), description="How clumped the stable revision's are.")
    harm: Logs = Field(default=(), description="Evidence of harm, per odds ratio of the grid.")
    absolute: Logs = Field(default=(), description="Evidence of a rate below the tolerated one, per rate of the grid.")
    relative: Logs = Field(default=(), description="Evidence of odds below the tolerated ones, per ratio of the grid.")


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
    bounds: tuple[LatencyBound, ...] = Field(
        default=(), max_length=4, description="Latency bounds; fixed before any latency of the candidate counts."
    )
    comparisons: tuple[Comparison, ...] = Field(
        default=(), max_length=MAX_COMPARISONS, description="Evidence per kind of event."
    )
    rate: float = Field(default=0.0, ge=0, description="Requests per second of the candidate, smoothed.")
    counted_at: float | None = Field(default=None, description="When requests were last counted, Unix seconds.")
    unseen_since: float | None = Field(
        default=None, description="Since when no counters of the candidate can be read, Unix seconds."
    )


class CheckReport(ApiModel):
    """One check's verdict and the figures behind it."""

    name: str = Field(max_length=63, description="Name of the check.")
    verdict: Verdict = Field(description="Pass, Fail, Collecting or Blind.")
    harm: float = Field(ge=0, le=1, description="Evidence of harm as a share of what a rollback needs (log scale).")
    promotion: float = Field(ge=0, le=1, description="Evidence for a step as a share of what it needs (log scale).")
    candidate: ArmTotals = Field(description="Counts of the candidate.")
    stable: ArmTotals = Field(description="Counts of the stable revision.")
    odds_ratio: float | None = Field(default=None, description="Estimated odds of an event, candidate to stable.")
    requests_needed: int | None = Field(default=None, ge=0, description="Candidate requests still needed to pass.")
    eta_seconds: int | None = Field(default=None, ge=0, description="How long those take at the present rate.")
    message: str = Field(max_length=512, description="The same in one sentence.")


class Judgement(ApiModel):
    """The verdict of all checks together."""

    verdict: Verdict = Field(description="Fail if harm is shown, Pass if every check passes.")
    message: str = Field(max_length=512, description="The sentence of the check that decided.")
    checks: tuple[CheckReport, ...] = Field(default=(), max_length=MAX_CHECKS, description="Every check's report.")
