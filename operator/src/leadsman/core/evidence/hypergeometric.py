"""The hypergeometric law of the candidate's share of the events, at any odds ratio (Fisher's noncentral form)."""

from dataclasses import dataclass
from math import floor, lgamma, log, sqrt

_NEGLIGIBLE = 1e-17


@dataclass(frozen=True, slots=True)
class Margins:
    """One stratum: `candidate` and `stable` requests, `events` among all of them."""

    candidate: int
    stable: int
    events: int

    @property
    def informative(self) -> bool:
        """Whether the events could have fallen on the two revisions in more than one way."""
        return max(0, self.events - self.stable) < min(self.events, self.candidate)


def log_mgf(margins: Margins, odds_ratio: float) -> float:
    """Return `ln sum_j C(n_c,j) C(n_s,k-j) / C(n_c+n_s,k) psi^j`.

    That is the log of the mean of `psi^x` when all ways to distribute the events are equally likely; it normalises the
    noncentral law, too. Exact at every size: the terms are summed from the mode outwards until they no longer matter,
    which takes some ten standard deviations.
    """
    n_c, n_s, k = margins.candidate, margins.stable, margins.events
    low, high = max(0, k - n_s), min(k, n_c)
    mode = min(max(_mode(margins, odds_ratio), low), high)

    total = 1.0 + _above(margins, odds_ratio, mode, high) + _below(margins, odds_ratio, mode, low)
    peak = _log_choose(n_c, mode) + _log_choose(n_s, k - mode) - _log_choose(n_c + n_s, k)
    return peak + mode * log(odds_ratio) + log(total)


def _above(margins: Margins, odds_ratio: float, mode: int, high: int) -> float:
    """Sum the terms above `mode`, relative to the one there."""
    n_c, k = margins.candidate, margins.events
    rest = margins.stable - k + 1
    term, total = 1.0, 0.0
    for j in range(mode, high):
        term *= odds_ratio * (n_c - j) * (k - j) / ((j + 1) * (rest + j))
        total += term
        if term < _NEGLIGIBLE:
            break
    return total


def _below(margins: Margins, odds_ratio: float, mode: int, low: int) -> float:
    """Sum the terms below `mode`, relative to the one there."""
    n_c, k = margins.candidate + 1, margins.events + 1
    rest = margins.stable - margins.events
    term, total = 1.0, 0.0
    for j in range(mode, low, -1):
        term *= j * (rest + j) / (odds_ratio * (n_c - j) * (k - j))
        total += term
        if term < _NEGLIGIBLE:
            break
    return total


def _mode(margins: Margins, odds_ratio: float) -> int:
    """Solve `term(j + 1) = term(j)`, a quadratic in j (Liao & Rosen 2001, The American Statistician 55)."""
    n_c, n_s, k = margins.candidate, margins.stable, margins.events
    a = odds_ratio - 1
    b = -((n_c + k + 2) * odds_ratio + n_s - k)
    c = odds_ratio * (n_c + 1) * (k + 1)
    root = sqrt(max(0.0, b * b - 4 * a * c))
    q = -(b + (root if b > 0 else -root)) / 2
    mode = floor(c / q)
    if max(0, k - n_s) <= mode <= min(k, n_c) or a == 0:
        return mode
    return floor(q / a)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
