"""How clumped one revision's events are after each of many looks, and by how much evidence is tempered for it."""

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import ArmTotals, Dispersion
from leadsman.core.evidence.dispersion import _LARGEST_INFLATION, _MOST_OF_A_PAIR
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
    """The dispersion of one revision's events after each look; `sums` are its two, a row per look."""

    def __init__(self, before: Dispersion, arm: Arm) -> None:
        requests, events = arm
        looks = np.flatnonzero(requests)
        n = np.concatenate(((before.last.requests,), requests[looks]))
        x = np.concatenate(((before.last.events,), events[looks]))
        added = np.zeros((len(requests), 2))
        if before.last.requests:
            added[looks] = _neighbours(n, x)
        elif len(looks):
            added[looks[1:]] = _neighbours(n[1:], x[1:])  # the first look of all has no neighbour
        self.sums: Shares = added.cumsum(axis=0) + np.array((before.observed, before.expected))
        self._requests, self._events = n, x
        self._last = np.searchsorted(looks, np.arange(len(requests)), side="right")

    def at(self, look: int) -> Dispersion:
        """Return the engine's state after that look."""
        observed, expected = self.sums[look].tolist()
        last = self._last[look]
        neighbour = ArmTotals.model_construct(requests=int(self._requests[last]), events=int(self._events[last]))
        return Dispersion.model_construct(observed=observed, expected=expected, last=neighbour)


def inflations(inflation: Inflation, candidate: Spread, stable: Spread, where: Where) -> Shares:
    """Return the inflation after these looks; the engine is asked where it may have changed."""
    sums = np.hstack((candidate.sums[where], stable.sums[where]))
    is_other = np.ones(len(where), dtype=np.bool_)
    is_other[1:] = (np.diff(sums, axis=0) != 0).any(axis=1)
    changed = np.flatnonzero(is_other)
    values = [
        inflation(cast(Dispersion, _Sums(*row[:2])), cast(Dispersion, _Sums(*row[2:])))
        for row in sums[changed].tolist()
    ]
    return np.repeat(np.array(values, dtype=np.float64), np.diff(np.append(changed, len(where))))


def _neighbours(n: Counts, x: Counts) -> Shares:
    """Return what each look but the first adds to the two sums: `core.evidence.dispersion` has it for one pair."""
    last_n, this_n, last_x, this_x = n[:-1], n[1:], x[:-1], x[1:]
    requests, events = last_n + this_n, last_x + this_x
    expected = events * (requests - events) / (requests - 1)
    squared = (last_x * this_n - this_x * last_n) ** 2 / (last_n * this_n)
    inflation = np.divide(squared, expected, out=np.zeros_like(expected), where=expected > 0)
    weight = np.minimum(expected, _MOST_OF_A_PAIR)
    return np.stack((weight * np.minimum(inflation, _LARGEST_INFLATION), weight), axis=1)
