"""How clumped one revision's events are after each of many looks, and by how much evidence is tempered for it."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import ArmTotals, Dispersion
from leadsman.core.evidence import dispersion
from leadsman.simulation.traffic import Counts, Shares

Arm = tuple[Counts, Counts]
"""Requests of one revision, and the events among them, look by look."""

Where = npt.NDArray[np.intp]
"""Numbers of looks."""

Inflation = Callable[[Dispersion, Dispersion], float]
"""One of the engine's: the inflation by the candidate's dispersion and the stable revision's."""


class _Totals(NamedTuple):
    """As much of ArmTotals as the engine reads, at a tenth of the cost."""

    requests: int
    events: int


class _Sums(NamedTuple):
    """As much of a Dispersion."""

    observed: float
    expected: float


class Spread:
    """The dispersion of one revision's events after each look; `sums` are its two, a row per look."""

    def __init__(self, before: Dispersion, arm: Arm) -> None:
        requests, events = arm
        looks = np.flatnonzero(requests)
        n = np.concatenate(((before.last.requests,), requests[looks]))
        x = np.concatenate(((before.last.events,), events[looks]))
        # The first look of all has no neighbour, and two looks without events say nothing.
        telling = np.flatnonzero((n[:-1] > 0) & (x[:-1] + x[1:] > 0))
        pairs = np.stack((n[telling], x[telling], n[telling + 1], x[telling + 1]), axis=1)
        added = np.zeros((len(requests), 2))
        if len(pairs):
            added[looks[telling]] = [_neighbours(*pair) for pair in pairs.tolist()]
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


@lru_cache(maxsize=1 << 16)
def _neighbours(last_requests: int, last_events: int, requests: int, events: int) -> tuple[float, float]:
    """Return what a look adds to the two sums, after a look like the last."""
    last, this = _Totals(last_requests, last_events), _Totals(requests, events)
    return dispersion._neighbours(cast(ArmTotals, last), cast(ArmTotals, this))
