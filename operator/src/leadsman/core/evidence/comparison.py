"""One comparison of candidate and stable: how a tick changes it, and what it says."""

from collections.abc import Sequence
from math import log

from leadsman.api.evidence import ArmTotals, Comparison
from leadsman.core.evidence import dispersion
from leadsman.core.evidence.hypergeometric import Margins
from leadsman.core.evidence.processes import (
    ACCEPTABLE_ODDS,
    HARM_ODDS,
    TOLERATED_ODDS,
    acceptable_rates,
    log_sum_exp,
    mixture,
    odds_step,
    rate_step,
)

ABSOLUTE_WEIGHT = 0.8
"""Weight of the absolute part of promotion evidence; the rest is the relative part's."""


def start(name: str, tolerated: float) -> Comparison:
    """Return a comparison that has seen nothing. `tolerated` is the event rate to exclude before a step passes."""
    return forget_promotion(Comparison(name=name, tolerated=tolerated, harm=(0.0,) * len(HARM_ODDS)))


def forget_promotion(comparison: Comparison) -> Comparison:
    """Return the comparison with its promotion evidence at nothing, and all else as it was."""
    return comparison.model_copy(
        update={
            "absolute": (0.0,) * len(acceptable_rates(comparison.tolerated)),
            "relative": (0.0,) * len(ACCEPTABLE_ODDS),
        }
    )


def observe(comparison: Comparison, candidate: ArmTotals, stable: ArmTotals) -> Comparison:
    """Add what one tick brought: its requests and events, per revision."""
    if not candidate.requests and not stable.requests:
        return comparison
    margins = Margins(candidate.requests, stable.requests, candidate.events + stable.events)
    rates = acceptable_rates(comparison.tolerated)
    steps = {
        "harm": odds_step(margins, candidate.events, HARM_ODDS, 1.0),
        "relative": odds_step(margins, candidate.events, ACCEPTABLE_ODDS, TOLERATED_ODDS),
        "absolute": rate_step(candidate.requests, candidate.events, rates, comparison.tolerated),
    }
    logs = {
        field: tuple(old + new for old, new in zip(getattr(comparison, field), step, strict=True))
        for field, step in steps.items()
    }
    return comparison.model_copy(
        update={
            **logs,
            "candidate": _plus(comparison.candidate, candidate),
            "stable": _plus(comparison.stable, stable),
            "candidate_dispersion": dispersion.observe(comparison.candidate_dispersion, candidate),
            "stable_dispersion": dispersion.observe(comparison.stable_dispersion, stable),
        }
    )


def log_harm(comparison: Comparison) -> float:
    """Return the log of the evidence against "the candidate's odds of an event are at most the stable revision's".

    It is never above 0 before the candidate has been counted twice: one tick alone cannot tell a clump from harm, and
    where errors come in clumps of ten, a tick's worth of them would be enough to decide.
    """
    evidence = mixture(comparison.harm, dispersion.harm_inflation(comparison))
    counted_once = comparison.candidate.requests == comparison.candidate_dispersion.last.requests
    return min(0.0, evidence) if counted_once else evidence


def log_promotion(comparison: Comparison) -> float:
    """Return the log of the evidence against "the candidate's rate is intolerable, and so is its odds ratio".

    The null hypothesis is that in every tick the candidate's rate is at least the tolerated one *and* its odds are at
    least TOLERATED_ODDS times the stable revision's. Evidence against either part alone is an e-process under the
    whole, so their weighted mean is. Excluding it shows a candidate that is good enough by itself or no worse than
    what serves now: a stable revision that itself errs more than is tolerated does not block every successor.
    """
    return log_promotion_later(comparison, comparison.absolute)


def log_promotion_later(comparison: Comparison, absolute: Sequence[float]) -> float:
    """Return what the promotion evidence would be with that absolute part in place of the present one."""
    phi = dispersion.promotion_inflation(comparison)
    return log_sum_exp(
        log(ABSOLUTE_WEIGHT) + mixture(absolute, phi), log(1 - ABSOLUTE_WEIGHT) + mixture(comparison.relative, phi)
    )


def odds_ratio(comparison: Comparison) -> float | None:
    """Estimate the odds of an event, candidate to stable, from the totals. None where nothing was counted."""
    candidate, stable = comparison.candidate, comparison.stable
    if not candidate.requests or not stable.requests or not candidate.events + stable.events:
        return None
    # Half an event is added to each cell (Haldane 1956, Anscombe 1956): the estimate stays finite.
    return (
        (candidate.events + 0.5)
        * (stable.requests - stable.events + 0.5)
        / ((candidate.requests - candidate.events + 0.5) * (stable.events + 0.5))
    )


def _plus(totals: ArmTotals, tick: ArmTotals) -> ArmTotals:
    return ArmTotals.model_construct(requests=totals.requests + tick.requests, events=totals.events + tick.events)
