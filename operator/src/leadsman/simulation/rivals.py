"""The decision rules of Flagger 1.44 and Argo Rollouts 1.9, with the defaults of their documentation.

Both ask every minute for the candidate's share of good responses in the last minute, and want 99 % of them.
"""

from collections.abc import Callable

import numpy as np

from leadsman.simulation.outcome import End, Outcome
from leadsman.simulation.scenario import Scenario
from leadsman.simulation.traffic import Traffic, also_failing, answers, in_cells

_CELL = 10
_WINDOW = 60
_LEAST_GOOD = 0.99

_FLAGGER_WEIGHTS = (10, 20, 30, 40, 50)
_FLAGGER_THRESHOLD = 5

_ARGO_WEIGHTS = (10, 30, 50)
_ARGO_PAUSE = 300
_ARGO_FAILURE_LIMIT = 3
_ARGO_ERROR_LIMIT = 4
_ARGO_RETRY = 10

Rival = Callable[[Scenario, Traffic, np.random.Generator], Outcome]


class _Canary:
    """The candidate's counts as a metrics server knows them, ten seconds by ten seconds."""

    def __init__(self, scenario: Scenario, traffic: Traffic, random: np.random.Generator) -> None:
        self._arrivals = in_cells(traffic.arrivals, _CELL)
        cells = len(self._arrivals)
        outage = traffic.outage[: cells * _CELL].reshape(cells, _CELL).mean(axis=1)
        self._error_rates = also_failing(scenario.candidate.errors, outage)
        self._clump = scenario.clump
        self._random = random
        self._requests: list[int] = []
        self._errors: list[int] = []
        self.end = cells * _CELL

    def serve(self, until: int, weight: int) -> None:
        """Let it answer at that weight up to this second."""
        cells = slice(len(self._requests), until // _CELL)
        arrivals = self._random.binomial(self._arrivals[cells], weight / 100)
        requests, errors = answers(self._random, arrivals, self._error_rates[cells], self._clump)
        self._requests += requests.tolist()
        self._errors += errors.tolist()

    def good_share(self) -> float | None:
        """The share of good responses in the last minute; None without any response."""
        requests = sum(self._requests[-_WINDOW // _CELL :])
        return 1 - sum(self._errors[-_WINDOW // _CELL :]) / requests if requests else None

    def ended(self, end: End) -> Outcome:
        """Return the outcome of a rollout that ends now."""
        return Outcome(end, float(len(self._requests) * _CELL), sum(self._errors))


def flagger(scenario: Scenario, traffic: Traffic, random: np.random.Generator) -> Outcome:
    """Every minute: back at five failed checks, which are never forgiven; otherwise on by 10 % if this check is good.

    No response is a failed check. The number of failed checks is read at the next check, before anything is asked.
    """
    canary = _Canary(scenario, traffic, random)
    step = failed = 0
    for now in range(_WINDOW, canary.end + 1, _WINDOW):
        canary.serve(now, _FLAGGER_WEIGHTS[step])
        if failed >= _FLAGGER_THRESHOLD:
            return canary.ended(End.ROLLED_BACK)
        share = canary.good_share()
        if share is None or share < _LEAST_GOOD:
            failed += 1
        elif step + 1 == len(_FLAGGER_WEIGHTS):
            return canary.ended(End.PROMOTED)
        else:
            step += 1
    return canary.ended(End.HELD)


def argo(scenario: Scenario, traffic: Traffic, random: np.random.Generator) -> Outcome:
    """Steps of five minutes, and an analysis beside them: back when more than three measurements have failed.

    No response is an error of the measurement, which is tried again after ten seconds; five in a row end it as well.
    """
    canary = _Canary(scenario, traffic, random)
    failed = errors = 0
    measure_at = _WINDOW
    for now in range(_CELL, canary.end + 1, _CELL):
        canary.serve(now, _ARGO_WEIGHTS[(now - 1) // _ARGO_PAUSE])
        if now == measure_at:
            share = canary.good_share()
            errors = errors + 1 if share is None else 0
            failed += share is not None and share < _LEAST_GOOD
            if errors > _ARGO_ERROR_LIMIT or failed > _ARGO_FAILURE_LIMIT:
                return canary.ended(End.ROLLED_BACK)
            measure_at = now + (_ARGO_RETRY if share is None else _WINDOW)
        if now == _ARGO_PAUSE * len(_ARGO_WEIGHTS):
            return canary.ended(End.PROMOTED)
    return canary.ended(End.HELD)


RIVALS: dict[str, Rival] = {"flagger": flagger, "argo": argo}
