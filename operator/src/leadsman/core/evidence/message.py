"""The sentences that people read about the evidence."""

from math import e, exp, log, log10

from leadsman.api.checks import PrometheusCheck
from leadsman.api.evidence import ArmTotals, LatencyBound

_WRITTEN_OUT = 1e6
_LEAST_ODDS = 0.001


def against(what: str, candidate: ArmTotals, stable: ArmTotals, bound: LatencyBound | None = None) -> str:
    """Say what was counted: "errors 14 of 212 at 10 % against 3 of 1,930"."""
    over = ("", "") if bound is None else (f" over {_duration(bound.candidate)}", f" over {_duration(bound.stable)}")
    requests = candidate.requests + stable.requests
    share = f" at {_percent(candidate.requests / requests)} %" if 0 < candidate.requests < requests else ""
    return f"{what} {_of(candidate)}{over[0]}{share} against {_of(stable)}{over[1]}"


def slower(bound: LatencyBound) -> str:
    """Name the answers that a latency bound counts."""
    return f"answers beyond p{bound.quantile * 100:.0f}:"


def odds(ratio: float | None) -> str:
    """Say by how much the odds differ: "; odds 41x"."""
    if ratio is None:
        return ""
    if ratio < _LEAST_ODDS:
        return f"; odds under {_LEAST_ODDS}x"
    written = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.1g}"
    return f"; odds {written}x"


def bounds(check: PrometheusCheck) -> str:
    """Say what is well: "at least 0.98"."""
    limits = ((check.min, "at least"), (check.max, "at most"))
    return " and ".join(f"{words} {limit:g}" for limit, words in limits if limit is not None)


def harm(counts: str, log_evidence: float, log_budget: float) -> str:
    """Say why the candidate is rolled back."""
    return f"{counts}; evidence {bet(log_evidence)} at a budget of {bet(log_budget)}"


def progress(counts: str, needed: int | None, eta_seconds: int | None) -> str:
    """Say what a step still waits for."""
    if needed is None:
        return f"{counts}; at this rate no number of requests would pass"
    eta = f" (about {spoken(eta_seconds)})" if eta_seconds is not None else ""
    return f"{counts}; about {needed:,} more requests needed{eta}"


def passed(counts: str, log_evidence: float) -> str:
    """Say why a step passes."""
    return f"{counts}; evidence {bet(log_evidence)} that this is tolerable"


def spoken(seconds: float) -> str:
    """Return a duration for people: "45 s", "12 min", "3 h"."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def bet(log_evidence: float) -> str:
    """Return evidence as odds: "1 : 5,200"."""
    if log_evidence > log(_WRITTEN_OUT):
        return f"1 : 10^{log_evidence * log10(e):.0f}"
    return f"1 : {round(exp(max(log_evidence, 0.0))):,}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.0095 else f"{100 * share:.1g}"


def _of(arm: ArmTotals) -> str:
    return f"{arm.events:,} of {arm.requests:,}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
