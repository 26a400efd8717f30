"""What the evidence amounts to: a verdict per check, and one for all.

**Rollback.** The checks share the false-rollback rate alpha: with equal weights that sum to 1, `sum w_k E_k` is an
e-process, so it reaches `1/alpha` for a candidate no worse than stable with probability at most alpha (Ville 1939),
however often one looks. Within the latency check the bounds share in the same way. Evidence is tempered, each
comparison with its own phi, and `E^(1/phi) <= 1 + E`; hence `1/alpha + 1` is asked for: where the tempered sum is that
large, the plain sum is at least `1/alpha`.

**Pass.** Every check must show enough by itself, and within the latency check every bound must. That needs no sharing:
where one of them is intolerable, passing takes the wrong evidence of just that one.
"""

from collections.abc import Sequence
from math import log

from leadsman.api.evidence import Evidence, Judgement, Verdict
from leadsman.core.evidence.assessment import Assessment, assess
from leadsman.core.evidence.engine import rate_at
from leadsman.core.evidence.processes import log_sum_exp
from leadsman.core.evidence.report import Ask, report
from leadsman.core.evidence.spec import EvidenceSpec

_PRECEDENCE = (Verdict.FAIL, Verdict.BLIND, Verdict.COLLECTING, Verdict.PASS)


def judge(spec: EvidenceSpec, state: Evidence, now: float) -> Judgement:
    """Return the verdict at `now` (Unix seconds).

    Fail goes before all else. Blind, meaning that no counters of the candidate could be read for longer than
    `spec.blind_after`, goes before Pass: silence never promotes. A policy without checks passes.
    """
    assessments = assess(spec, state)
    if not assessments:
        return Judgement(verdict=Verdict.PASS, message="the policy has no checks")
    log_total = log_sum_exp(*(one.log_harm for one in assessments)) - log(len(assessments))
    failed = log_total >= log_needed(spec.false_rollback_rate)
    verdicts = _verdicts(spec, assessments, failed=failed, blind=_unseen_for(state, now) > spec.blind_after)
    ask = Ask(
        log_harm=log_needed(spec.false_rollback_rate) + log(len(assessments)),
        log_promotion=log_needed(spec.wrong_pass_rate),
        log_budget=-log(spec.false_rollback_rate),
        log_total=log_total,
        rate=rate_at(state, now),
        unseen_seconds=_unseen_for(state, now),
    )
    reports = tuple(report(ask, one, verdict) for one, verdict in zip(assessments, verdicts, strict=True))
    decisive = min(reports, key=lambda one: _PRECEDENCE.index(one.verdict))
    return Judgement(verdict=decisive.verdict, message=decisive.message, checks=reports)


def log_needed(rate: float) -> float:
    """Return the log of the evidence that keeps the chance of a wrong decision at or below `rate`."""
    return log(1 / rate + 1)


def _verdicts(spec: EvidenceSpec, assessments: Sequence[Assessment], *, failed: bool, blind: bool) -> list[Verdict]:
    worst = max(one.log_harm for one in assessments)

    def verdict(one: Assessment) -> Verdict:
        if failed and one.log_harm == worst:
            return Verdict.FAIL
        if blind:
            return Verdict.BLIND
        enough = one.log_promotion >= log_needed(spec.wrong_pass_rate)
        return Verdict.PASS if enough else Verdict.COLLECTING

    return [verdict(one) for one in assessments]


def _unseen_for(state: Evidence, now: float) -> float:
    return 0.0 if state.unseen_since is None else now - state.unseen_since
