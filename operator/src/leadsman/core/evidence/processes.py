"""The e-processes of one comparison: how one tick changes each log of evidence.

All are products of likelihood ratios whose mean under the null hypothesis is at most 1, whatever has happened before
and whatever the tick's traffic. The tests show it by enumeration.
"""

from collections.abc import Sequence
from math import exp, log

from leadsman.core.evidence.hypergeometric import Margins, log_mgf

HARM_ODDS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""Odds ratios that harm is looked for at."""

TOLERATED_ODDS = 2.0
"""The odds ratio that relative promotion evidence must exclude."""

ACCEPTABLE_ODDS = (0.25, 0.5, 1.0)
"""Odds ratios that a harmless candidate is expected to have."""

_ACCEPTABLE_SHARES = (0.001, 0.125, 0.25, 0.5)


def odds_step(margins: Margins, events: int, odds: Sequence[float], null_odds: float) -> tuple[float, ...]:
    """Return, per odds ratio of the grid, the log likelihood ratio of `events` falling on the candidate.

    Given how many events there are in all, their split depends on the odds ratio alone: the base rate of the tick
    cancels. Above `null_odds` the ratio rises with `events`, so its mean is at most 1 for every smaller odds ratio
    too; below, it falls, and the mean is at most 1 for every larger one.
    """
    if not margins.informative:
        return (0.0,) * len(odds)
    null = log_mgf(margins, null_odds) if null_odds != 1 else 0.0
    return tuple(events * log(psi / null_odds) - log_mgf(margins, psi) + null for psi in odds)


def acceptable_rates(tolerated: float) -> tuple[float, ...]:
    """Return the event rates that a harmless candidate is expected to have, all below the tolerated one.

    None of them is 0: the evidence of that one would end for good with the first event.
    """
    return tuple(tolerated * share for share in _ACCEPTABLE_SHARES)


def rate_step(requests: int, events: int, rates: Sequence[float], null_rate: float) -> tuple[float, ...]:
    """Return, per rate of the grid, the log likelihood ratio of `events` in `requests` against `null_rate`.

    For rates below `null_rate` the ratio falls with `events`, so its mean is at most 1 for every larger rate too.
    """
    return tuple(
        events * log(rate / null_rate) + (requests - events) * log((1 - rate) / (1 - null_rate)) for rate in rates
    )


def mixture(logs: Sequence[float], inflation: float) -> float:
    """Return the log of the uniform mixture of the evidence, each part tempered by 1 / `inflation`."""
    return log_sum_exp(*(value / inflation for value in logs)) - log(len(logs))


def log_sum_exp(*logs: float) -> float:
    """Return the log of the sum of `exp(l)`."""
    peak = max(logs)
    return peak + log(sum(exp(value - peak) for value in logs))
