"""What the evidence amounts to: a verdict per check, and one for all.

**Rollback.** The checks share the false-rollback rate alpha: with equal weights that sum to 1, `sum w_k E_k` is an
e-process, so it reaches `1/alpha` for a candidate no worse than stable with probability at most alpha (Ville 1939),
however often one looks. Within the latency check the bounds share in the same way. Evidence is tempered, each
comparison with its own phi, and `E^(1/phi) <= 1 + E`; hence `1/alpha + 1` is asked for: where the tempered sum is that
large, the plain sum is at least `1/alpha`. A Prometheus check has no such guarantee: it fails by its own rule.

**Pass.** Every check must show enough by itself, and within the latency check every bound must. That needs no sharing:
where one of them is intolerable, passing takes the wrong evidence of just that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

from leadsman.api.evidence import Evidence, Judgement, Verdict
from leadsman.core.evidence.assess import assess
from leadsman.core.evidence.assessment import Assessment
from leadsman.core.evidence.engine import rate_at
from leadsman.core.evidence.processes import log_sum_exp
from leadsman.core.evidence.report import Ask, report
from leadsman.core.evidence.spec import EvidenceSpec

_PRECEDENCE = (Verdict.FAIL, Verdict.BLIND, Verdict.COLLECTING, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The assessments, their verdicts, and the log of the evidence of harm that they have together."""

    assessments: Sequence[Assessment]
    verdicts: Sequence[Verdict]
    log_total: float


def judge(spec: EvidenceSpec, state: Evidence, now: float) -> Judgement:
    """Return the verdict at `now` (Unix seconds), with a report of every check.

    Fail goes before all else. Blind, meaning that no counters of the candidate could be read for longer than
    `spec.blind_after`, goes before Pass: silence never promotes. A policy without checks passes.
    """
    weighed = _weigh(spec, state, now)
    if not weighed.assessments:
        return Judgement(verdict=Verdict.PASS, message="the policy has no checks")
    ask = Ask(
        log_harm=log_needed(spec.false_rollback_rate) + log(_sharing(weighed.assessments)),
        log_promotion=log_needed(spec.wrong_pass_rate),
        log_budget=-log(spec.false_rollback_rate),
        log_total=weighed.log_total,
        rate=rate_at(state, now),
        unseen_seconds=_unseen_for(state, now),
    )
    reports = tuple(
        report(ask, one, verdict) for one, verdict in zip(weighed.assessments, weighed.verdicts, strict=True)
    )
    decisive = min(reports, key=lambda one: _PRECEDENCE.index(one.verdict))
    return Judgement(verdict=decisive.verdict, message=decisive.message, checks=reports)


def verdict(spec: EvidenceSpec, state: Evidence, now: float) -> Verdict:
    """Return the verdict of `judge` alone, at a fraction of its cost."""
    return min(_weigh(spec, state, now).verdicts, key=_PRECEDENCE.index, default=Verdict.PASS)


def log_needed(rate: float) -> float:
    """Return the log of the evidence that keeps the chance of a wrong decision at or below `rate`."""
    return log(1 / rate + 1)


def _weigh(spec: EvidenceSpec, state: Evidence, now: float) -> _Weighed:
    assessments = assess(spec, state)
    harms = [one.log_harm for one in assessments if one.log_harm is not None]
    log_total = log_sum_exp(*harms) - log(len(harms)) if harms else -inf
    worst = max(harms, default=-inf) if log_total >= log_needed(spec.false_rollback_rate) else inf
    blind = _unseen_for(state, now) > spec.blind_after
    needed = log_needed(spec.wrong_pass_rate)

    def verdict_of(one: Assessment) -> Verdict:
        if one.failed or (one.log_harm is not None and one.log_harm >= worst):
            return Verdict.FAIL
        if blind or one.blind:
            return Verdict.BLIND
        return Verdict.PASS if one.log_promotion >= needed else Verdict.COLLECTING

    return _Weighed(assessments, [verdict_of(one) for one in assessments], log_total)


def _sharing(assessments: Sequence[Assessment]) -> int:
    return max(1, sum(one.log_harm is not None for one in assessments))


def _unseen_for(state: Evidence, now: float) -> float:
    return 0.0 if state.unseen_since is None else now - state.unseen_since
