"""The e-processes: how one look changes each log of evidence.

All are products of likelihood ratios whose mean under the null hypothesis is at most 1, whatever has happened before
and whatever the look's traffic. The tests show it by enumeration.
"""

from collections.abc import Sequence
from math import exp, inf, log

from leadsman.core.evidence.hypergeometric import Margins, log_mgf

ODDS = (0.25, 0.5, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""Odds ratios whose likelihood is followed, each against that of 1."""

HARM = slice(2, None)
"""Those of ODDS that harm is looked for at."""

TOLERATED_ODDS = 2.0
"""The odds ratio that relative promotion evidence must exclude."""

ACCEPTABLE_ODDS = (0.25, 0.5, 1.0)
"""Odds ratios that a harmless candidate is expected to have."""

LEAST_RATE, MOST_RATE = 1e-6, 0.999999
"""Bounds of the rates that can be reckoned with; a policy may name smaller ones."""

_EXCESSIVE_RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
_ACCEPTABLE_SHARES = (0.001, 0.125, 0.25, 0.5)
_CLEARLY_MORE = 1.5


def odds_step(margins: Margins, events: int) -> tuple[float, ...]:
    """Return, per odds ratio of ODDS, the log likelihood ratio of `events` falling on the candidate, against 1.

    Given how many events there are in all, their split depends on the odds ratio alone: the base rate of the look
    cancels. Above 1 the ratio rises with `events`, so its mean is at most 1 for every smaller odds ratio too.
    """
    if not margins.informative:
        return (0.0,) * len(ODDS)
    return tuple(events * log(psi) - log_mgf(margins, psi) for psi in ODDS)


def relative_step(odds: Sequence[float]) -> tuple[float, ...]:
    """Return, per ratio of ACCEPTABLE_ODDS, the log likelihood ratio against TOLERATED_ODDS, from an `odds_step`.

    It falls with the candidate's events, so its mean is at most 1 for every larger odds ratio too.
    """
    by_odds = {**dict(zip(ODDS, odds, strict=True)), 1.0: 0.0}
    return tuple(by_odds[psi] - by_odds[TOLERATED_ODDS] for psi in ACCEPTABLE_ODDS)


def acceptable_rates(tolerated: float) -> tuple[float, ...]:
    """Return the event rates that a harmless candidate is expected to have, all below the tolerated one.

    None of them is 0: the evidence of that one would end for good with the first event.
    """
    return tuple(tolerated * share for share in _ACCEPTABLE_SHARES)


def excessive_rates(bound: float) -> tuple[float, ...]:
    """Return the event rates that are looked for above `bound`: those of a fixed grid, or one halfway to 1."""
    return tuple(rate for rate in _EXCESSIVE_RATES if rate > _CLEARLY_MORE * bound) or ((1 + bound) / 2,)


def rate_step(requests: int, events: int, rates: Sequence[float], null_rate: float) -> tuple[float, ...]:
    """Return, per rate of the grid, the log likelihood ratio of `events` in `requests` against `null_rate`.

    For rates below `null_rate` the ratio falls with `events`, so its mean is at most 1 for every larger rate too; for
    those above, it rises, and the mean is at most 1 for every smaller one.
    """
    return tuple(
        events * log(rate / null_rate) + (requests - events) * log((1 - rate) / (1 - null_rate)) for rate in rates
    )


def added(logs: Sequence[float], step: Sequence[float]) -> tuple[float, ...]:
    """Return the evidence after a step."""
    return tuple(old + new for old, new in zip(logs, step, strict=True))


def mixture(logs: Sequence[float], inflation: float) -> float:
    """Return the log of the uniform mixture of the evidence, each part tempered by 1 / `inflation`."""
    return log_sum_exp(*(value / inflation for value in logs)) - log(len(logs))


def log_sum_exp(*logs: float) -> float:
    """Return the log of the sum of `exp(l)`."""
    peak = max(logs)
    if peak == -inf:
        return peak
    return peak + log(sum(exp(value - peak) for value in logs))
