"""The requests of one run, second by second, and how they fail."""

from dataclasses import dataclass
from math import pi

import numpy as np
import numpy.typing as npt

from leadsman.core.evidence.samples import Minute
from leadsman.simulation.scenario import Scenario

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

MINUTE = 60
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one run brings, whoever decides about it: every tool that is compared meets the same.

    `arrivals`: requests of both revisions together in each second of the run. `outage`: the share of each second's
    requests that fail on both. `history`: the stable revision's minutes before the run; the run begins at second 0 of
    minute 0.
    """

    arrivals: Counts
    outage: Shares
    history: tuple[Minute, ...]


def traffic(scenario: Scenario, random: np.random.Generator) -> Traffic:
    """Draw the traffic of one run."""
    phase = float(random.uniform(0, DAY))
    past = round(scenario.history_hours * 60) * MINUTE
    seconds = round(scenario.hours * 3600)
    rates = _rates(scenario, phase, -past, seconds)
    arrivals = random.poisson(rates[past:])
    return Traffic(arrivals, _outage(scenario, seconds), _history(scenario, rates[:past], random))


def in_cells(per_second: Counts, seconds: int) -> Counts:
    """Add up whole cells of that many seconds; what is left over at the end is dropped."""
    cells = len(per_second) // seconds
    sums: Counts = per_second[: cells * seconds].reshape(cells, seconds).sum(axis=1)
    return sums


def answers(
    random: np.random.Generator, arrivals: Counts, error_rate: float | Shares, clump: int
) -> tuple[Counts, Counts]:
    """Draw how many requests a revision answers per cell, and how many of them with an error.

    Errors come `clump` at once, in one cell, as when one caller tries again and again. The mean number of requests is
    that of `arrivals` and the mean share of errors is `error_rate`, however few requests a cell has.
    """
    if clump == 1:
        return arrivals, random.binomial(arrivals, error_rate)
    clumps = random.binomial(arrivals, np.divide(error_rate, clump))
    # Each clump stands for as many arrivals as it has errors: the others of them are taken out again.
    good = random.binomial(arrivals - clumps, (1 - np.asarray(error_rate)) / (1 - np.divide(error_rate, clump)))
    return good + clump * clumps, clump * clumps


def also_failing(error_rate: float, outage: Shares) -> Shares:
    """Return the error rate of a revision whose requests fail for a second reason too."""
    return 1 - (1 - error_rate) * (1 - outage)


def _rates(scenario: Scenario, phase: float, first: int, last: int) -> Shares:
    """Return the mean requests per second, from second `first` to `last` of the run."""
    rates = np.full(last - first, float(scenario.rps))
    if not scenario.daily_cycle and scenario.burst is None:
        return rates
    clock = np.arange(first, last) + phase
    if scenario.daily_cycle:
        rates *= 1 + scenario.daily_cycle * np.sin(2 * pi * clock / DAY)
    if scenario.burst is not None:
        rates[clock % scenario.burst.every < scenario.burst.seconds] *= scenario.burst.factor
    return rates


def _outage(scenario: Scenario, seconds: int) -> Shares:
    shares = np.zeros(seconds)
    if scenario.outage is not None:
        shares[round(scenario.outage.start) : round(scenario.outage.start + scenario.outage.seconds)] = (
            scenario.outage.rate
        )
    return shares


def _history(scenario: Scenario, rates: Shares, random: np.random.Generator) -> tuple[Minute, ...]:
    per_minute = random.poisson(rates.reshape(-1, MINUTE).sum(axis=1))
    requests, errors = answers(random, per_minute, scenario.stable.errors, scenario.clump)
    numbers = range(-len(per_minute), 0)
    return tuple(map(Minute, numbers, requests.tolist(), errors.tolist()))
