"""One check's figures and sentence, for people."""

from dataclasses import dataclass

from leadsman.api.evidence import ArmTotals, CheckReport, Verdict
from leadsman.core.evidence import message
from leadsman.core.evidence.assessment import Assessment
from leadsman.core.evidence.comparison import odds_ratio
from leadsman.core.evidence.forecast import requests_needed

_LONGEST_ETA_SECONDS = 30 * 86400


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
    subject = one.worst if verdict is Verdict.FAIL else one.slowest
    needed = None if one.slowest is None else requests_needed(one.slowest.comparison, ask.log_promotion)
    known = needed is not None and needed < ask.rate * _LONGEST_ETA_SECONDS
    eta = round(needed / ask.rate) if needed is not None and known else None
    return CheckReport(
        name=one.name,
        verdict=verdict,
        harm=1.0 if verdict is Verdict.FAIL else _portion(one.log_harm, ask.log_harm),
        promotion=_portion(one.log_promotion, ask.log_promotion),
        candidate=subject.comparison.candidate if subject else ArmTotals(),
        stable=subject.comparison.stable if subject else ArmTotals(),
        odds_ratio=odds_ratio(subject.comparison) if subject else None,
        requests_needed=needed,
        eta_seconds=eta,
        message=_sentence(ask, one, verdict, needed, eta),
    )


def _sentence(ask: Ask, one: Assessment, verdict: Verdict, needed: int | None, eta: int | None) -> str:
    if verdict is Verdict.BLIND:
        return f"no counters of the candidate could be read for {message.spoken(ask.unseen_seconds)}"
    if one.worst is None or one.slowest is None:
        return "waiting for enough answers of the stable revision to know its latency"
    if verdict is Verdict.FAIL:
        return message.harm(one.worst, ask.log_total, ask.log_budget)
    if verdict is Verdict.PASS:
        return message.passed(one.slowest, one.log_promotion)
    return message.progress(one.slowest, needed, eta)


def _portion(log_evidence: float, log_needed: float) -> float:
    return round(min(1.0, max(0.0, log_evidence / log_needed)), 4)
