"""The sentences that people read about the evidence."""

from math import e, exp, log, log10

from leadsman.api.evidence import ArmTotals, Comparison
from leadsman.core.evidence.assessment import Subject
from leadsman.core.evidence.comparison import odds_ratio

_WRITTEN_OUT = 1e6


def counts(subject: Subject) -> str:
    """Say what was counted: "errors 14 of 212 against 3 of 1,930 (odds 41x)"."""
    one, bound = subject.comparison, subject.bound
    if bound is None:
        what, than = "errors", ("", "")
    else:
        what = f"answers beyond p{bound.quantile * 100:.0f}:"
        than = (f" over {_duration(bound.candidate)}", f" over {_duration(bound.stable)}")
    return f"{what} {_of(one.candidate)}{than[0]} against {_of(one.stable)}{than[1]}{_odds(one)}"


def harm(subject: Subject, log_evidence: float, log_budget: float) -> str:
    """Say why the candidate is rolled back."""
    return f"{counts(subject)}; evidence {_bet(log_evidence)} against a budget of {_bet(log_budget)}"


def progress(subject: Subject, needed: int | None, eta_seconds: int | None) -> str:
    """Say what a step still waits for."""
    if needed is None:
        return f"{counts(subject)}; at this rate no number of requests would pass"
    eta = f" (about {spoken(eta_seconds)})" if eta_seconds is not None else ""
    return f"{counts(subject)}; about {needed:,} more requests needed{eta}"


def passed(subject: Subject, log_evidence: float) -> str:
    """Say why a step passes."""
    return f"{counts(subject)}; evidence {_bet(log_evidence)} that this is tolerable"


def spoken(seconds: float) -> str:
    """Return a duration for people: "45 s", "12 min", "3 h"."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _of(arm: ArmTotals) -> str:
    return f"{arm.events:,} of {arm.requests:,}"


def _odds(one: Comparison) -> str:
    odds = odds_ratio(one)
    return "" if odds is None else f" (odds {odds:.0f}x)" if odds >= 10 else f" (odds {odds:.1f}x)"


def _bet(log_evidence: float) -> str:
    if log_evidence > log(_WRITTEN_OUT):
        return f"1 : 10^{log_evidence * log10(e):.0f}"
    return f"1 : {round(exp(max(log_evidence, 0.0))):,}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
