"""One check's figures and sentence, for people."""

from dataclasses import dataclass
from math import inf

from leadsman.api.evidence import CheckReport, Verdict
from leadsman.core.evidence import message
from leadsman.core.evidence.assessment import Assessment, Figures

_LONGEST_ETA_SECONDS = 30 * 86400
_MESSAGE_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Ask:
    """What a check is measured by, and the candidate's circumstances.

    In logarithms: the evidence of harm and for promotion that the check needs by itself, the evidence of harm that the
    policy asks of all checks together and what they have. `rate` is the candidate's requests per second.
    """

    log_harm: float
    log_promotion: float
    log_budget: float
    log_total: float
    rate: float
    unseen_seconds: float


def report(ask: Ask, one: Assessment, verdict: Verdict) -> CheckReport:
    """Return the report of a check, about its worst comparison if it fails and about its slowest otherwise."""
    figures = one.figures(verdict is Verdict.FAIL, ask.log_promotion)
    needed = figures.requests_needed
    known = needed is not None and needed < ask.rate * _LONGEST_ETA_SECONDS
    eta = round(needed / ask.rate) if needed is not None and known else None
    return CheckReport(
        name=one.name,
        verdict=verdict,
        harm=1.0 if verdict is Verdict.FAIL else _portion(one.log_harm or 0.0, ask.log_harm),
        promotion=_portion(one.log_promotion, ask.log_promotion),
        candidate=figures.candidate,
        stable=figures.stable,
        quantity=figures.quantity,
        estimate=_rounded(figures.estimate),
        low=_rounded(figures.low),
        high=_rounded(figures.high),
        requests_needed=needed,
        eta_seconds=eta,
        message=_sentence(ask, one, verdict, figures, eta)[:_MESSAGE_LENGTH],
    )


def _sentence(ask: Ask, one: Assessment, verdict: Verdict, figures: Figures, eta: int | None) -> str:
    if verdict is Verdict.BLIND:
        return one.blind or f"no counters of the candidate could be read for {message.spoken(ask.unseen_seconds)}"
    if figures.waiting:
        return figures.waiting
    if verdict is Verdict.FAIL:
        return figures.counts if one.failed else message.harm(figures.counts, ask.log_total, ask.log_budget)
    if one.log_harm is None or one.log_promotion == inf:
        return figures.counts
    if verdict is Verdict.PASS:
        return message.passed(figures.counts, one.log_promotion)
    return message.progress(figures.counts, figures.requests_needed, eta)


def _portion(log_evidence: float, log_needed: float) -> float:
    return round(min(1.0, max(0.0, log_evidence / log_needed)), 4)


def _rounded(value: float | None) -> float | None:
    """Return four digits: a receipt is read by people, and compared byte by byte."""
    return None if value is None else float(f"{value:.4g}")
