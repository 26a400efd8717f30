"""How clumped one revision's events are after each of many looks, and by how much evidence is tempered for it."""

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import ArmTotals, Dispersion
from leadsman.core.evidence.dispersion import LARGEST_INFLATION, MOST_OF_A_PAIR
from leadsman.simulation.traffic import Counts, Shares

Arm = tuple[Counts, Counts]
"""Requests of one revision, and the events among them, look by look."""

Where = npt.NDArray[np.intp]
"""Numbers of looks."""

Inflation = Callable[[Dispersion, Dispersion], float]
"""One of the engine's: the inflation by the candidate's dispersion and the stable revision's."""


class _Sums(NamedTuple):
    """As much of a Dispersion as the engine reads for an inflation, at a tenth of the cost."""

    observed: float
    expected: float


class Spread:
    """The dispersion of one revision's events after each of several strata, or looks, in a row.

    `sums` are its two: a first row for the dispersion before them, and a row after each.
    """

    def __init__(self, before: Dispersion, arm: Arm) -> None:
        requests, events = arm
        busy = np.flatnonzero(requests)
        n = np.concatenate(((before.last.requests,), requests[busy]))
        x = np.concatenate(((before.last.events,), events[busy]))
        self.sums: Shares = np.zeros((len(requests) + 1, 2))
        self.sums[0] = before.observed, before.expected
        if before.last.requests:
            self.sums[busy + 1] = _neighbours(n, x)
        elif len(busy):
            self.sums[busy[1:] + 1] = _neighbours(n[1:], x[1:])  # the first of all has no neighbour
        self.sums = self.sums.cumsum(axis=0)
        self._requests, self._events = n, x
        self._last = np.searchsorted(busy, np.arange(len(requests) + 1), side="left")

    def after(self, strata: int) -> Dispersion:
        """Return the engine's state after so many strata."""
        observed, expected = self.sums[strata].tolist()
        last = self._last[strata]
        neighbour = ArmTotals.model_construct(requests=int(self._requests[last]), events=int(self._events[last]))
        return Dispersion.model_construct(observed=observed, expected=expected, last=neighbour)


def inflations(inflation: Inflation, candidate: Spread, stable: Spread, after: Where) -> Shares:
    """Return the inflation after so many strata each; the engine is asked where it may have changed."""
    sums = np.hstack((candidate.sums[after], stable.sums[after]))
    is_other = np.ones(len(after), dtype=np.bool_)
    is_other[1:] = (np.diff(sums, axis=0) != 0).any(axis=1)
    changed = np.flatnonzero(is_other)
    values = [
        inflation(cast(Dispersion, _Sums(*row[:2])), cast(Dispersion, _Sums(*row[2:])))
        for row in sums[changed].tolist()
    ]
    return np.repeat(np.array(values, dtype=np.float64), np.diff(np.append(changed, len(after))))


def _neighbours(n: Counts, x: Counts) -> Shares:
    """Return what each but the first adds to the two sums: `core.evidence.dispersion` has it for one pair."""
    last_n, this_n, last_x, this_x = n[:-1], n[1:], x[:-1], x[1:]
    requests, events = last_n + this_n, last_x + this_x
    expected = events * (requests - events) / (requests - 1)
    squared = (last_x * this_n - this_x * last_n) ** 2 / (last_n * this_n)
    inflation = np.divide(squared, expected, out=np.zeros_like(expected), where=expected > 0)
    weight = np.minimum(expected, MOST_OF_A_PAIR)
    return np.stack((weight * np.minimum(inflation, LARGEST_INFLATION), weight), axis=1)
