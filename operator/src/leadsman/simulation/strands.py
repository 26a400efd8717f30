"""The evidence of one comparison, or of agreement, after each of many looks.

A strand holds the engine's sums. `harm` and `promotion` are what the engine makes of them, or more: rules of caution
that only lower evidence are left out. Every likelihood and every inflation is the engine's own.
"""

from typing import Protocol

import numpy as np

from leadsman.api.evidence import Agreement, ArmTotals, Comparison, Stratum
from leadsman.core.evidence import dispersion
from leadsman.core.evidence.comparison import ABSOLUTE_WEIGHT
from leadsman.core.evidence.processes import HARM, acceptable_rates, excessive_rates
from leadsman.simulation.excess import Clock, Exceeding
from leadsman.simulation.odds import odds_steps, relative_steps
from leadsman.simulation.spread import Arm, Inflation, Spread, Where, inflations
from leadsman.simulation.strata import Strata
from leadsman.simulation.sums import mixtures, rate_sums
from leadsman.simulation.traffic import Counts, Shares


class Strand(Protocol):
    """Evidence after each look, in logarithms. Not tempered it is an upper bound, whatever it is tempered by."""

    def harm(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence of harm after these looks."""

    def promotion(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence for a step after these looks."""

    def most_harm(self, start: int) -> float:
        """Return no less than the evidence of harm after any look from `start` on."""


class Compared:
    """A comparison of both revisions."""

    def __init__(self, before: Comparison, candidate: Arm, stable: Arm, strata: Strata, clock: Clock) -> None:
        self._before, self._strata, self._arms = before, strata, (candidate, stable)
        ended = strata.totals(before.open.candidate, candidate), strata.totals(before.open.stable, stable)
        odds = _running(odds_steps(*ended[0], *ended[1]))
        self._odds: Shares = before.odds + odds
        self._relative: Shares = before.relative + relative_steps(odds)
        self._mantel: Shares = before.mantel + _running(_mantel(*ended))
        self._spreads = Spread(before.candidate_dispersion, ended[0]), Spread(before.stable_dispersion, ended[1])
        self._totals = np.cumsum(candidate, axis=1), np.cumsum(stable, axis=1)
        self._absolute: Shares = before.absolute + rate_sums(
            self._totals[0], acceptable_rates(before.tolerated), before.tolerated
        )
        self._excess = Exceeding(before.excess, candidate, stable, clock) if before.excess is not None else None

    def harm(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence of harm after these looks."""
        phi = self._inflations(dispersion.harm_inflation, where) if tempered else None
        evidence = mixtures(self._odds[self._strata.after[where], HARM], phi)
        if self._excess is None or not self._excess.blames:
            return evidence
        either: Shares = np.logaddexp(evidence, self._excess.harm(where, phi)) - np.log(2)
        return either

    def promotion(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence for a step after these looks."""
        phi = self._inflations(dispersion.promotion_inflation, where) if tempered else None
        good_enough = np.log(ABSOLUTE_WEIGHT) + mixtures(self._absolute[where], phi)
        no_worse = np.log(1 - ABSOLUTE_WEIGHT) + mixtures(self._relative[self._strata.after[where]], phi)
        either: Shares = np.logaddexp(good_enough, no_worse)
        return either

    def most_harm(self, start: int) -> float:
        """Return no less than the evidence of harm after any look from `start` on."""
        most = float(self._odds[:, HARM].max())
        return most if self._excess is None else max(most, self._excess.most_harm(start))

    def at(self, look: int) -> Comparison:
        """Return the engine's state after that look."""
        before, (candidate, stable) = self._before, self._totals
        ended = int(self._strata.after[look])
        return before.model_copy(
            update={
                "candidate": _plus(before.candidate, *candidate[:, look].tolist()),
                "stable": _plus(before.stable, *stable[:, look].tolist()),
                "looks": before.looks + int(np.count_nonzero(self._arms[0][0][: look + 1])),
                "candidate_dispersion": self._spreads[0].after(ended),
                "stable_dispersion": self._spreads[1].after(ended),
                "open": self._open_after(look),
                "odds": tuple(self._odds[ended].tolist()),
                "mantel": tuple(self._mantel[ended].tolist()),
                "absolute": tuple(self._absolute[look].tolist()),
                "relative": tuple(self._relative[ended].tolist()),
                "excess": self._excess.at(look) if self._excess is not None else None,
            }
        )

    def _open_after(self, look: int) -> Stratum:
        before, (candidate, stable) = self._before.open, self._arms
        return Stratum.model_construct(
            candidate=self._strata.open_after(look, before.candidate, candidate),
            stable=self._strata.open_after(look, before.stable, stable),
        )

    def _inflations(self, inflation: Inflation, where: Where) -> Shares:
        return inflations(inflation, *self._spreads, self._strata.after[where])


class Agreed:
    """The agreement of both revisions' answers to the same requests."""

    def __init__(self, before: Agreement, compared: Counts, disagreed: Counts) -> None:
        self._before = before
        self._totals = np.cumsum((compared, disagreed), axis=1)
        bound = before.tolerated
        self._harm: Shares = before.harm + rate_sums(self._totals, excessive_rates(bound), bound)
        self._absolute: Shares = before.absolute + rate_sums(self._totals, acceptable_rates(bound), bound)
        self._spread = Spread(before.dispersion, (compared, disagreed))

    def harm(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence of harm after these looks."""
        return mixtures(self._harm[where], self._inflations(dispersion.harm_inflation, where) if tempered else None)

    def promotion(self, where: Where, *, tempered: bool) -> Shares:
        """Return the evidence for a step after these looks."""
        phi = self._inflations(dispersion.promotion_inflation, where) if tempered else None
        return mixtures(self._absolute[where], phi)

    def most_harm(self, start: int) -> float:
        """Return no less than the evidence of harm after any look from `start` on."""
        return float(self._harm[start:].max(initial=0.0))

    def at(self, look: int) -> Agreement:
        """Return the engine's state after that look."""
        return self._before.model_copy(
            update={
                "totals": _plus(self._before.totals, *self._totals[:, look].tolist()),
                "dispersion": self._spread.after(look + 1),
                "harm": tuple(self._harm[look].tolist()),
                "absolute": tuple(self._absolute[look].tolist()),
            }
        )

    def _inflations(self, inflation: Inflation, where: Where) -> Shares:
        return inflations(inflation, self._spread, self._spread, where + 1)


def _running(steps: Shares) -> Shares:
    """Return the sums after none of the steps, after the first, and so on."""
    sums: Shares = np.concatenate((np.zeros((1, steps.shape[1])), steps.cumsum(axis=0)))
    return sums


def _mantel(candidate: Arm, stable: Arm) -> Shares:
    (n, x), (m, y) = candidate, stable
    requests = np.maximum(n + m, 1)
    return np.stack((x * (m - y) / requests, y * (n - x) / requests), axis=1)


def _plus(totals: ArmTotals, requests: int, events: int) -> ArmTotals:
    return ArmTotals.model_construct(requests=totals.requests + requests, events=totals.events + events)
