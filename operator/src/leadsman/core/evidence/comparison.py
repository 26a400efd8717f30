"""One comparison of candidate and stable: how a look changes it, and what it says."""

from collections.abc import Sequence
from math import log

from leadsman.api.evidence import ArmTotals, Comparison, Stratum
from leadsman.core.evidence import dispersion, excess
from leadsman.core.evidence.hypergeometric import Margins
from leadsman.core.evidence.processes import (
    ACCEPTABLE_ODDS,
    HARM,
    LEAST_RATE,
    ODDS,
    acceptable_rates,
    added,
    log_sum_exp,
    mixture,
    odds_step,
    rate_step,
    relative_step,
)
from leadsman.core.evidence.strata import plus, pooled

_ENOUGH_LOOKS = 2
_OF_ONE_LOOK = log(2)
_OBJECTIVE_ADDS = log(4)

ABSOLUTE_WEIGHT = 0.8
"""Weight of the absolute part of promotion evidence; the rest is the relative part's."""


def start(name: str, tolerated: float) -> Comparison:
    """Return a comparison that has seen nothing. `tolerated` is the event rate to exclude before a step passes."""
    return forget_promotion(Comparison(name=name, tolerated=max(LEAST_RATE, tolerated), odds=(0.0,) * len(ODDS)))


def forget_promotion(comparison: Comparison) -> Comparison:
    """Return the comparison with its promotion evidence at nothing, and all else as it was."""
    ended = comparison.open
    if ended.candidate.requests and ended.stable.requests:
        # A stratum is of one weight.
        comparison = comparison.model_copy(update=_compared(comparison, ended.candidate, ended.stable))
    return comparison.model_copy(
        update={
            "absolute": (0.0,) * len(acceptable_rates(comparison.tolerated)),
            "relative": (0.0,) * len(ACCEPTABLE_ODDS),
            "open": Stratum(),
        }
    )


def observe(comparison: Comparison, candidate: ArmTotals, stable: ArmTotals, seconds: float = 0.0) -> Comparison:
    """Add what one look brought, `seconds` after the last: its requests and events, per revision."""
    if not candidate.requests and not stable.requests:
        return comparison
    ended, still_open = pooled(comparison.open, candidate, stable)
    absolute = rate_step(
        candidate.requests, candidate.events, acceptable_rates(comparison.tolerated), comparison.tolerated
    )
    return comparison.model_copy(
        update={
            "candidate": plus(comparison.candidate, candidate),
            "stable": plus(comparison.stable, stable),
            "looks": comparison.looks + bool(candidate.requests),
            "open": still_open,
            "absolute": added(comparison.absolute, absolute),
            "excess": excess.observe(comparison.excess, candidate, stable, seconds) if comparison.excess else None,
            **(_compared(comparison, ended.candidate, ended.stable) if ended else {}),
        }
    )


def _compared(comparison: Comparison, candidate: ArmTotals, stable: ArmTotals) -> dict[str, object]:
    """Return what a stratum changes: all that compares the revisions, and how clumped each one's events are."""
    odds = odds_step(Margins(candidate.requests, stable.requests, candidate.events + stable.events), candidate.events)
    return {
        "odds": added(comparison.odds, odds),
        "relative": added(comparison.relative, relative_step(odds)),
        "mantel": added(comparison.mantel, _mantel(candidate, stable)),
        "candidate_dispersion": dispersion.observe(comparison.candidate_dispersion, candidate),
        "stable_dispersion": dispersion.observe(comparison.stable_dispersion, stable),
    }


def log_harm(comparison: Comparison) -> float:
    """Return the log of the evidence against "the candidate's odds of an event are at most the stable revision's".

    Where there is an objective, half of it is the evidence against "the candidate's rate is at most the objective". As
    long as the stable revision answers, that is worth no more than a few times the comparison of both: what hits both
    in the same seconds is not the candidate's fault, however far beyond the objective it is.

    It stays small before the candidate has been counted twice, unless it is known how clumped events are: one look
    cannot tell a clump from harm, and where errors come in clumps of ten, one would be enough to decide.
    """
    phi = harm_inflation(comparison)
    evidence = mixture(comparison.odds[HARM], phi)
    if comparison.excess is not None and comparison.excess.blames:
        alone = excess.log_harm(comparison.excess, phi)
        if excess.stable_answers(comparison.excess):
            alone = min(alone, evidence + _OBJECTIVE_ADDS)
        evidence = log_sum_exp(evidence, alone) - log(2)
    if comparison.looks < _ENOUGH_LOOKS and not dispersion.is_known(comparison.stable_dispersion):
        return min(_OF_ONE_LOOK, evidence)
    return evidence


def harm_inflation(comparison: Comparison) -> float:
    """Return the phi that evidence of harm is tempered by."""
    return dispersion.harm_inflation(comparison.candidate_dispersion, comparison.stable_dispersion)


def log_promotion(comparison: Comparison) -> float:
    """Return the log of the evidence against "the candidate's rate is intolerable, and so is its odds ratio".

    The null hypothesis is that in every look the candidate's rate is at least the tolerated one *and* its odds are at
    least TOLERATED_ODDS times the stable revision's. Evidence against either part alone is an e-process under the
    whole, so their weighted mean is. Excluding it shows a candidate that is good enough by itself or no worse than
    what serves now: a stable revision that itself errs more than is tolerated does not block every successor.
    """
    return log_promotion_later(comparison, comparison.absolute)


def log_promotion_later(comparison: Comparison, absolute: Sequence[float]) -> float:
    """Return what the promotion evidence would be with that absolute part in place of the present one."""
    phi = dispersion.promotion_inflation(comparison.candidate_dispersion, comparison.stable_dispersion)
    good_enough = log(ABSOLUTE_WEIGHT) + mixture(absolute, phi)
    if stable_in_trouble(comparison):
        # Being no worse than what fails now is no reason to go on.
        return good_enough
    return log_sum_exp(good_enough, log(1 - ABSOLUTE_WEIGHT) + mixture(comparison.relative, phi))


def stable_in_trouble(comparison: Comparison) -> bool:
    """Whether the stable revision fails too often at present, so that being no worse is no merit."""
    return comparison.excess is not None and excess.stable_in_trouble(comparison.excess)


def odds_ratio(comparison: Comparison) -> float | None:
    """Estimate the odds of an event, candidate to stable, stratified. None where nothing was counted.

    The estimate is Mantel and Haenszel's (1959), as changing weights and base rates must not pass for a difference,
    with half an event added to each revision, so that it stays finite.
    """
    candidate, stable, still_open = comparison.candidate, comparison.stable, comparison.open
    if not candidate.requests or not stable.requests:
        return None
    more, less = added(comparison.mantel, _mantel(still_open.candidate, still_open.stable))
    if not more + less:
        return None
    share = candidate.requests / (candidate.requests + stable.requests)
    return (more + (1 - share) / 2) / (less + share / 2)


def _mantel(candidate: ArmTotals, stable: ArmTotals) -> tuple[float, float]:
    requests = max(1, candidate.requests + stable.requests)
    return (
        candidate.events * (stable.requests - stable.events) / requests,
        stable.events * (candidate.requests - candidate.events) / requests,
    )
