"""The engine's likelihoods of odds ratios, for many looks at once: numbers the same as `core.evidence.processes`."""

from functools import lru_cache
from math import lgamma

import numpy as np

from leadsman.core.evidence.processes import ODDS, relative_step
from leadsman.simulation.traffic import Counts, Shares

_LOG_ODDS = np.log(ODDS)
_TERMS_AT_ONCE = 1_000_000


def odds_steps(candidate: Counts, events: Counts, stable: Counts, stable_events: Counts) -> Shares:
    """Return `odds_step` of every look: a row per look, a column per odds ratio of ODDS."""
    steps = np.zeros((len(candidate), len(ODDS)))
    both = events + stable_events
    ways = np.minimum(both, candidate) - np.maximum(0, both - stable)
    informative = np.flatnonzero(ways > 0)
    pieces = int(ways[informative].sum()) * len(ODDS) // _TERMS_AT_ONCE + 1
    for some in np.array_split(informative, pieces):
        if len(some):
            log_mgf = _log_mgf(candidate[some], stable[some], both[some])
            steps[some] = events[some][:, None] * _LOG_ODDS - log_mgf
    return steps


def relative_steps(odds: Shares) -> Shares:
    """Return `relative_step` of every row; it is linear."""
    return odds @ _relative()


def _log_mgf(candidate: Counts, stable: Counts, events: Counts) -> Shares:
    """Return `ln sum_j C(n_c,j) C(n_s,k-j) / C(n_c+n_s,k) psi^j`, by the terms that are not 0."""
    low, high = np.maximum(0, events - stable), np.minimum(events, candidate)
    j = low[:, None] + np.arange(int((high - low).max()) + 1)
    beyond = j > high[:, None]
    j = np.minimum(j, high[:, None])
    ways = (
        _log_choose(candidate[:, None], j)
        + _log_choose(stable[:, None], events[:, None] - j)
        - _log_choose(candidate + stable, events)[:, None]
    )
    ways[beyond] = -np.inf
    terms = ways[:, :, None] + j[:, :, None] * _LOG_ODDS
    peak = terms.max(axis=1)
    return np.asarray(peak + np.log(np.exp(terms - peak[:, None, :]).sum(axis=1)))


def _log_choose(n: Counts, k: Counts) -> Shares:
    factorial = _log_factorials(1 << int(n.max()).bit_length())
    return np.asarray(factorial[n] - factorial[k] - factorial[n - k])


@lru_cache
def _log_factorials(below: int) -> Shares:
    return np.array([lgamma(n + 1) for n in range(below)])


@lru_cache
def _relative() -> Shares:
    return np.array([relative_step(row) for row in np.eye(len(ODDS)).tolist()])
