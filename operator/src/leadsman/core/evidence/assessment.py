"""What one check makes of its comparisons."""

from dataclasses import dataclass
from math import log

from leadsman.api.evidence import Comparison, Evidence, LatencyBound
from leadsman.core.evidence import comparison
from leadsman.core.evidence.comparison import log_harm, log_promotion
from leadsman.core.evidence.latency import PROMOTING_QUANTILES, comparison_name
from leadsman.core.evidence.processes import log_sum_exp
from leadsman.core.evidence.spec import ERROR_RATE, LATENCY, EvidenceSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """A comparison, and the bounds it counts by if it is one of latencies."""

    comparison: Comparison
    bound: LatencyBound | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """One check's evidence, in logarithms and before it is weighted among the checks.

    `worst` has the most evidence of harm, `slowest` the least promotion evidence of those that must have it; both are
    None where nothing can be compared yet.
    """

    name: str
    log_harm: float = 0.0
    log_promotion: float = 0.0
    worst: Subject | None = None
    slowest: Subject | None = None


def assess(spec: EvidenceSpec, state: Evidence) -> list[Assessment]:
    """Return the assessment of each check that the policy asks for."""
    known = {one.name: one for one in state.comparisons}
    assessments = []
    if spec.error_rate is not None:
        errors = known.get(ERROR_RATE) or comparison.start(ERROR_RATE, spec.error_rate.tolerate)
        assessments.append(_assessment(ERROR_RATE, [Subject(errors)]))
    if spec.latency is not None:
        slower = [
            Subject(known.get(name) or comparison.start(name, bound.tolerated), bound)
            for bound in state.bounds
            for name in (comparison_name(bound),)
        ]
        assessments.append(_assessment(LATENCY, slower) if slower else Assessment(LATENCY))
    return assessments


def _assessment(name: str, subjects: list[Subject]) -> Assessment:
    # The lowest quantile is always among them: where bounds coincide, the lowest keeps it.
    promoting = [one for one in subjects if one.bound is None or one.bound.quantile in PROMOTING_QUANTILES]
    worst = max(subjects, key=lambda one: log_harm(one.comparison))
    slowest = min(promoting, key=lambda one: log_promotion(one.comparison))
    return Assessment(
        name=name,
        log_harm=log_sum_exp(*(log_harm(one.comparison) for one in subjects)) - log(len(subjects)),
        log_promotion=log_promotion(slowest.comparison),
        worst=worst,
        slowest=slowest,
    )
