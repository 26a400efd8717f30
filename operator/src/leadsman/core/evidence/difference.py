"""The difference of two shares, candidate minus stable: is it larger, or smaller, than a margin?

In a stratum with `n` and `m` requests the difference of the two shares has mean `mu`, whatever its base rate, and is
sub-Gaussian with variance `1 / (4 h)`, `h = n m / (n + m)` (Hoeffding 1963). Summed over strata with weights
`h`, `S - mu W` is sub-Gaussian with variance `V = W / 4`, and mixing `exp(l (S - mu W) - l^2 V / 2)` over a half-normal
`l` of precision `rho` gives an e-process against every smaller `mu` (Robbins 1970; Howard et al. 2021). For clumped
events V is inflated by their phi; as the e-process falls with V, that never weakens the guarantee.
"""

from math import erfc, inf, log, pi, sqrt

from leadsman.api.evidence import ArmTotals, Difference
from leadsman.core.evidence import dispersion
from leadsman.core.evidence.processes import log_sum_exp
from leadsman.core.evidence.strata import plus, pooled

_OF_LITTLE = log(2)
_KNOWN_EVENTS = 100.0
"""Some ten neighbours of strata, as no pair counts for more than ten events."""

_RHO = 10.0
"""The mixture's precision: best at some hundreds of effective requests, which a margin of ten points takes."""


def start(name: str) -> Difference:
    """Return a difference that has seen nothing."""
    return Difference(name=name)


def observe(difference: Difference, candidate: ArmTotals, stable: ArmTotals) -> Difference:
    """Add what one look brought: how many were counted, and how many of them count for the share."""
    if not candidate.requests and not stable.requests:
        return difference
    ended, still_open = pooled(difference.open, candidate, stable)
    return difference.model_copy(
        update={
            "candidate": plus(difference.candidate, candidate),
            "stable": plus(difference.stable, stable),
            "open": still_open,
            **(_compared(difference, ended.candidate, ended.stable) if ended else {}),
        }
    )


def _compared(difference: Difference, candidate: ArmTotals, stable: ArmTotals) -> dict[str, object]:
    weight = candidate.requests * stable.requests / (candidate.requests + stable.requests)
    gap = candidate.events / candidate.requests - stable.events / stable.requests if weight else 0.0
    return {
        "candidate_dispersion": dispersion.observe(difference.candidate_dispersion, candidate, inf),
        "stable_dispersion": dispersion.observe(difference.stable_dispersion, stable, inf),
        "weight": difference.weight + weight,
        "weighted": difference.weighted + weight * gap,
    }


def estimate(difference: Difference) -> float | None:
    """Return the weighted mean of the strata's differences; None where nothing can be compared."""
    return difference.weighted / difference.weight if difference.weight else None


def log_outside(difference: Difference, margin: float) -> float:
    """Return the log of the evidence against "the shares differ by at most `margin`".

    It stays small until it is known how alike the predictions of one request are: a request may have a thousand.
    """
    phi = dispersion.harm_inflation(difference.candidate_dispersion, difference.stable_dispersion)
    variance = phi * difference.weight / 4
    beyond = (difference.weighted - margin * difference.weight, -difference.weighted - margin * difference.weight)
    evidence = log_sum_exp(*(_half_normal(excess, variance) for excess in beyond)) - log(2)
    return evidence if is_known(difference) else min(_OF_LITTLE, evidence)


def is_known(difference: Difference) -> bool:
    """Whether enough was counted of the stable revision to tell how clumped it is."""
    return difference.stable_dispersion.expected >= _KNOWN_EVENTS


def log_inside(difference: Difference, margin: float, more: float = 0.0) -> float:
    """Return the log of the evidence against "the shares differ by at least `margin`", the weaker of both sides."""
    return min(_log_below(difference, side * difference.weighted, margin, more) for side in (1, -1))


def log_below(difference: Difference, margin: float, more: float = 0.0) -> float:
    """Return the log of the evidence against "the candidate's share is larger by at least `margin`".

    `more` is an effective number of requests to come, in which the difference stays as it is.
    """
    return _log_below(difference, difference.weighted, margin, more)


def interval(difference: Difference, alpha: float) -> tuple[float, float] | None:
    """Return the confidence sequence of the difference (two-sided normal mixture); None before anything is compared."""
    if not difference.weight:
        return None
    phi = dispersion.harm_inflation(difference.candidate_dispersion, difference.stable_dispersion)
    wide = phi * difference.weight / 4 + _RHO
    reach = sqrt(wide * log(wide / (_RHO * alpha * alpha))) / difference.weight
    middle = difference.weighted / difference.weight
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def _log_below(difference: Difference, weighted: float, margin: float, more: float) -> float:
    phi = dispersion.promotion_inflation(difference.candidate_dispersion, difference.stable_dispersion)
    growth = 1 + more / difference.weight if difference.weight else 1.0
    weight = difference.weight * growth
    return _half_normal(margin * weight - weighted * growth, phi * weight / 4)


def _half_normal(excess: float, variance: float) -> float:
    """Return the log of the half-normal mixture at a sum that is `excess` above its mean under the null hypothesis."""
    wide = variance + _RHO
    score = excess / sqrt(wide)
    return log(2) + log(_RHO / wide) / 2 + score * score / 2 + _log_normal_below(score)


def _log_normal_below(score: float) -> float:
    """Return `ln Phi(score)`; far below, by the leading term of its asymptotic series."""
    if score > -30:
        return log(erfc(-score / sqrt(2)) / 2)
    return -score * score / 2 - log(-score) - log(2 * pi) / 2
