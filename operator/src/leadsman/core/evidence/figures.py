"""The figures of each kind of check, for people: counts, estimate, confidence sequence, requests still needed."""

from dataclasses import dataclass

from leadsman.api.checks import AgreementCheck, CrashesCheck, PredictionsCheck, PrometheusCheck, QualityCheck
from leadsman.api.evidence import Agreement, ArmTotals, Comparison, Crashes, Difference, LatencyBound, Threshold
from leadsman.core.evidence import agreement, comparison, crashes, difference, forecast, message, thresholds
from leadsman.core.evidence.assessment import Figures
from leadsman.core.evidence.confidence import ALPHA, odds_interval, rate_interval

NO_LATENCY = "waiting for enough answers of the stable revision to know its latency"
NO_FEEDBACK = "waiting for feedback: no user has judged an answer yet"
NO_PREDICTIONS = "waiting for predictions of the stable revision; a model without labels or scores per class has none"
NO_NUMBER = "the Prometheus server gave no number for {}"
NOT_ASKED = "waiting for a number of the Prometheus server"


@dataclass(frozen=True, slots=True)
class Subject:
    """A comparison, and the bounds it counts by if it is one of latencies."""

    comparison: Comparison
    bound: LatencyBound | None = None


def of_comparison(subject: Subject, log_needed: float) -> Figures:
    """Errors, or answers slower than a bound."""
    one, bound = subject.comparison, subject.bound
    odds = comparison.odds_ratio(one)
    low, high = odds_interval(one.odds, comparison.harm_inflation(one))
    together = "; the stable revision is in trouble too" if comparison.stable_in_trouble(one) else ""
    what = "errors" if bound is None else message.slower(bound)
    return Figures(
        counts=f"{message.against(what, one.candidate, one.stable, bound)}{message.odds(odds)}{together}",
        candidate=one.candidate,
        stable=one.stable,
        quantity="odds ratio",
        estimate=odds,
        low=low,
        high=high,
        requests_needed=forecast.of_comparison(one, log_needed),
    )


def of_agreement(check: AgreementCheck, state: Agreement, requests: int, log_needed: float) -> Figures:
    """Answers to the same requests, of the candidate's `requests`."""
    totals = state.totals
    agreed = totals.requests - totals.events
    low, high = rate_interval(totals, agreement.harm_inflation(state))
    return Figures(
        counts=f"same answers to {agreed:,} of {totals.requests:,} requests (at least {check.at_least:.4g} wanted)",
        candidate=totals,
        quantity="share of disagreement",
        estimate=totals.events / totals.requests if totals.requests else None,
        low=low,
        high=high,
        requests_needed=forecast.of_agreement(state, requests, log_needed),
        waiting="" if totals.requests else "waiting for answers of both revisions to the same requests",
    )


def of_quality(check: QualityCheck, wrong: Comparison, gap: Difference, requests: int, log_needed: float) -> Figures:
    """Wrong answers, by feedback on the candidate's `requests`."""
    odds = message.odds(comparison.odds_ratio(wrong))
    return _of_difference(
        f"{message.against('wrong answers', wrong.candidate, wrong.stable)}{odds}",
        gap,
        forecast.of_difference(
            gap, requests, log_needed, lambda one, more: difference.log_below(one, check.tolerate, more)
        ),
    )


def of_predictions(
    check: PredictionsCheck, top_class: str, gap: Difference, requests: int, log_needed: float
) -> Figures:
    """How often the class is predicted that the stable revision predicts most, in the candidate's `requests`."""
    return _of_difference(
        message.against(f"class {top_class}: predicted", gap.candidate, gap.stable),
        gap,
        forecast.of_difference(
            gap, requests, log_needed, lambda one, more: difference.log_inside(one, check.within, more)
        ),
    )


def of_crashes(check: CrashesCheck, state: Crashes) -> Figures:
    """Containers that ended."""
    shared = "; the stable revision's end too often as well" if state.shared else ""
    watched = message.spoken(state.candidate.pod_seconds)
    counts = (
        f"containers ended {state.candidate.count} times in {watched} of pod time against "
        f"{state.stable.count} in {message.spoken(state.stable.pod_seconds)} (at most {check.at_most_per_day:g} a day "
        f"and pod){shared}"
    )
    return Figures(
        counts=counts,
        candidate=ArmTotals(events=state.candidate.count),
        stable=ArmTotals(events=state.stable.count),
        quantity="crashes a day and pod",
        estimate=crashes.per_day(state.candidate),
        requests_needed=0,
        waiting=counts if crashes.in_trouble_together(state, check.at_most_per_day) else "",
    )


def of_threshold(check: PrometheusCheck, state: Threshold | None) -> Figures:
    """A number of a Prometheus server."""
    if state is None:
        return Figures(counts="", quantity=check.name, waiting=NOT_ASKED)
    if state.value is None:
        before = f", after {state.failures} times in a row out of bounds; a bound, outside the guarantee"
        return Figures(counts=f"{NO_NUMBER.format(check.name)}{before}", quantity=check.name)
    outside = thresholds.is_outside(check, state.value)
    in_a_row = f", {state.failures} times in a row out of bounds" if outside else ""
    return Figures(
        counts=f"{check.name} is {state.value:.4g} ({message.bounds(check)}){in_a_row}; a bound, outside the guarantee",
        quantity=check.name,
        estimate=state.value,
        low=check.min,
        high=check.max,
    )


def _of_difference(counts: str, gap: Difference, requests_needed: int | None) -> Figures:
    low, high = difference.interval(gap, ALPHA) or (None, None)
    return Figures(
        counts=counts,
        candidate=gap.candidate,
        stable=gap.stable,
        quantity="difference of the shares",
        estimate=difference.estimate(gap),
        low=low,
        high=high,
        requests_needed=requests_needed,
    )
