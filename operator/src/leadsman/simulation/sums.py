"""Logarithms of evidence for many looks at once, as `core.evidence.processes` has them for one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from leadsman.core.evidence.processes import rate_step
from leadsman.simulation.traffic import Shares

Totals = npt.NDArray[np.int64]
"""Two rows: requests up to every look, and the events among them."""


def mixtures(logs: Shares, phi: Shares | None) -> Shares:
    """Return `mixture` of every row, tempered by phi; without it, no less than for any phi of 1 or more."""
    if phi is not None:
        logs = logs / phi[:, None]
    peak = logs.max(axis=1)
    mixed: Shares = peak + np.log(np.exp(logs - peak[:, None]).mean(axis=1))
    return mixed if phi is not None else np.maximum(mixed, 0.0)


def rate_sums(totals: Totals, rates: Sequence[float], null_rate: float) -> Shares:
    """Return the sums of `rate_step` up to every look, from those of the counts: it is linear in both."""
    requests, events = totals
    good = np.array(rate_step(1, 0, rates, null_rate))
    bad = np.array(rate_step(1, 1, rates, null_rate))
    sums: Shares = (requests - events)[:, None] * good + events[:, None] * bad
    return sums
