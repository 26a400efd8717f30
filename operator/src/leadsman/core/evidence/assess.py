"""The assessment of each check that a policy asks for."""

from collections.abc import Iterator
from functools import partial
from math import inf, log

from leadsman.api.checks import AgreementCheck, CrashesCheck, PredictionsCheck, PrometheusCheck, QualityCheck
from leadsman.api.evidence import Comparison, Crashes, Difference, Evidence, Threshold
from leadsman.core.evidence import agreement, comparison, crashes, difference, figures, labels, thresholds
from leadsman.core.evidence.assessment import Assessment, Figures
from leadsman.core.evidence.comparison import log_harm, log_promotion
from leadsman.core.evidence.figures import Subject
from leadsman.core.evidence.latency import PROMOTING_QUANTILES, comparison_name
from leadsman.core.evidence.processes import log_sum_exp
from leadsman.core.evidence.spec import (
    AGREEMENT,
    CRASHES,
    ERROR_RATE,
    LATENCY,
    PREDICTIONS,
    QUALITY,
    EvidenceSpec,
)


def assess(spec: EvidenceSpec, state: Evidence) -> list[Assessment]:
    """Return the assessments, in a fixed order of kinds."""
    return list(_assess(spec, state))


def _assess(spec: EvidenceSpec, state: Evidence) -> Iterator[Assessment]:
    known = {one.name: one for one in state.comparisons}
    if spec.error_rate is not None:
        check = spec.error_rate
        yield _compared(ERROR_RATE, [Subject(known.get(ERROR_RATE) or comparison.start(ERROR_RATE, check.tolerate))])
    if spec.latency is not None:
        slower = [
            Subject(known.get(name) or comparison.start(name, bound.tolerated), bound)
            for bound in state.bounds
            for name in (comparison_name(bound),)
        ]
        yield _compared(LATENCY, slower) if slower else _waiting(LATENCY, figures.NO_LATENCY)
    if spec.agreement is not None:
        yield _agreement(spec.agreement, state)
    if spec.quality is not None:
        yield _quality(spec.quality, state)
    if spec.predictions is not None:
        yield _predictions(spec.predictions, state)
    if spec.crashes is not None:
        yield _crashes(spec.crashes, state.crashes or Crashes())
    standing = {one.name: one for one in state.thresholds}
    for asked in spec.prometheus:
        yield _threshold(asked, standing.get(asked.name))


def _compared(name: str, subjects: list[Subject]) -> Assessment:
    # The lowest quantile is always among them: where bounds coincide, the lowest keeps it.
    promoting = [one for one in subjects if one.bound is None or one.bound.quantile in PROMOTING_QUANTILES]
    harms = [log_harm(one.comparison) for one in subjects]
    promotions = [log_promotion(one.comparison) for one in promoting]
    worst, slowest = subjects[harms.index(max(harms))], promoting[promotions.index(min(promotions))]
    return Assessment(
        name=name,
        figures=partial(_of_the_decisive, worst, slowest),
        log_harm=log_sum_exp(*harms) - log(len(harms)),
        log_promotion=min(promotions),
    )


def _of_the_decisive(worst: Subject, slowest: Subject, failed: bool, log_needed: float) -> Figures:
    return figures.of_comparison(worst if failed else slowest, log_needed)


def _agreement(check: AgreementCheck, state: Evidence) -> Assessment:
    pairs = state.agreement or agreement.start(check.at_least)
    return Assessment(
        name=AGREEMENT,
        figures=lambda _, log_needed: figures.of_agreement(check, pairs, state.candidate_requests, log_needed),
        log_harm=agreement.log_harm(pairs),
        log_promotion=agreement.log_promotion(pairs),
    )


def _quality(check: QualityCheck, state: Evidence) -> Assessment:
    wrong = next((one for one in state.comparisons if one.name == QUALITY), None)
    gap = next((one for one in state.differences if one.name == QUALITY), None)
    if wrong is None or gap is None:
        return _waiting(QUALITY, figures.NO_FEEDBACK)
    if bias := labels.bias(state, gap):
        return _waiting(QUALITY, bias)
    return Assessment(
        name=QUALITY,
        figures=lambda _, log_needed: figures.of_quality(check, wrong, gap, state.candidate_requests, log_needed),
        log_harm=_harm_of_feedback(wrong, gap),
        log_promotion=difference.log_below(gap, check.tolerate),
    )


def _harm_of_feedback(wrong: Comparison, gap: Difference) -> float:
    """Return the evidence that wrong answers are more likely, tempered by what the difference knows of clumps: feedback
    comes in batches of any size."""
    alike = wrong.model_copy(
        update={"candidate_dispersion": gap.candidate_dispersion, "stable_dispersion": gap.stable_dispersion}
    )
    return log_harm(alike)


def _predictions(check: PredictionsCheck, state: Evidence) -> Assessment:
    if state.top_class is None:
        return _waiting(PREDICTIONS, figures.NO_PREDICTIONS)
    top_class = state.top_class
    gap = next((one for one in state.differences if one.name == PREDICTIONS), Difference(name=PREDICTIONS))
    return Assessment(
        name=PREDICTIONS,
        figures=lambda _, log_needed: figures.of_predictions(
            check, top_class, gap, state.candidate_requests, log_needed
        ),
        log_harm=difference.log_outside(gap, check.within),
        log_promotion=difference.log_inside(gap, check.within),
    )


def _crashes(check: CrashesCheck, state: Crashes) -> Assessment:
    return Assessment(
        name=CRASHES,
        figures=lambda _failed, _needed: figures.of_crashes(check, state),
        log_harm=crashes.log_harm(state, check.at_most_per_day),
        log_promotion=-inf if crashes.in_trouble_together(state, check.at_most_per_day) else inf,
    )


def _threshold(check: PrometheusCheck, state: Threshold | None) -> Assessment:
    inside = state is not None and state.value is not None and not thresholds.is_outside(check, state.value)
    return Assessment(
        name=check.name,
        figures=lambda _failed, _needed: figures.of_threshold(check, state),
        log_harm=None,
        log_promotion=inf if inside else -inf,
        failed=state is not None and state.failures >= check.failures,
        blind=figures.NO_NUMBER.format(check.name) if state is not None and state.value is None else "",
    )


def _waiting(name: str, why: str) -> Assessment:
    return Assessment(name=name, figures=lambda _failed, _needed: Figures(counts="", waiting=why), log_promotion=-inf)
