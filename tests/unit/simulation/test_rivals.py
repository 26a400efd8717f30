"""Flagger's and Argo's rules come to the figures that were measured of them."""

import numpy as np
import pytest

from leadsman.simulation.outcome import End, Outcome
from leadsman.simulation.rivals import RIVALS
from leadsman.simulation.scenario import Arm, Outage, Scenario
from unit.simulation.policies import met


def outcomes(tool: str, runs: int, scenario: Scenario) -> list[Outcome]:
    """So many runs."""
    return [RIVALS[tool](scenario, met(scenario, run), np.random.default_rng([2, run])) for run in range(runs)]


def world(rps: float, errors: float, **changes: object) -> Scenario:
    """A stable revision with 0.5 % errors, and a candidate."""
    return Scenario(rps=rps, candidate=Arm(errors=errors), hours=1, history_hours=0, **changes)  # type: ignore[arg-type]


SHARES = {
    "Flagger rolls half of the healthy back at 0.05 rps": ("flagger", world(0.05, 0.005), End.ROLLED_BACK, 0.52),
    "Argo nearly all of them": ("argo", world(0.05, 0.005), End.ROLLED_BACK, 0.995),
    "Flagger hardly any at 0.2 rps": ("flagger", world(0.2, 0.005), End.ROLLED_BACK, 0.002),
    "Argo many": ("argo", world(0.2, 0.005), End.ROLLED_BACK, 0.44),
    "Flagger one of a hundred at 2 rps": ("flagger", world(2, 0.005), End.ROLLED_BACK, 0.01),
    "Argo one of five": ("argo", world(2, 0.005), End.ROLLED_BACK, 0.22),
    "Flagger promotes 5 % errors at 0.2 rps": ("flagger", world(0.2, 0.05), End.PROMOTED, 0.95),
    "Argo half of the time": ("argo", world(0.2, 0.05), End.PROMOTED, 0.43),
    "Flagger blames the candidate for an outage of both": (
        "flagger",
        world(20, 0.005, outage=Outage(180, 360, 0.3)),
        End.ROLLED_BACK,
        1.0,
    ),
}


@pytest.mark.parametrize(("tool", "scenario", "end", "share"), SHARES.values(), ids=SHARES)
def test_that(tool: str, scenario: Scenario, end: End, share: float) -> None:
    ends = [outcome.end for outcome in outcomes(tool, 600, scenario)]
    assert ends.count(end) / len(ends) == pytest.approx(share, abs=0.06 if 0.1 < share < 0.9 else 0.02)


TIMES = {
    "Flagger, all requests fail": ("flagger", world(2, 1.0), 6.0, 72),
    "Argo, all requests fail": ("argo", world(2, 1.0), 4.0, 48),
    "Flagger, 5 % fail": ("flagger", world(20, 0.05), 6.0, 38),
    "Argo, 5 % fail": ("argo", world(20, 0.05), 4.0, 24),
    "Argo hears of nothing and gives up": ("argo", world(0.001, 0.005), 1 + 40 / 60, 0),
}


@pytest.mark.parametrize(("tool", "scenario", "minutes", "bad"), TIMES.values(), ids=TIMES)
def test_it_takes_so_many_minutes_and_bad_responses_to_go_back(
    tool: str, scenario: Scenario, minutes: float, bad: int
) -> None:
    ended = outcomes(tool, 200, scenario)
    assert {outcome.end for outcome in ended} == {End.ROLLED_BACK}
    assert np.median([outcome.seconds for outcome in ended]) == pytest.approx(minutes * 60)
    assert np.median([outcome.bad_responses for outcome in ended]) == pytest.approx(bad, abs=3)


@pytest.mark.parametrize(("tool", "minutes"), [("flagger", 5), ("argo", 15)])
def test_a_flawless_candidate_is_out_in_so_many_minutes(tool: str, minutes: int) -> None:
    assert outcomes(tool, 1, world(20, 0.0)) == [Outcome(End.PROMOTED, minutes * 60.0, 0)]


@pytest.mark.parametrize("tool", list(RIVALS))
def test_a_run_that_is_over_before_is_held(tool: str) -> None:
    short = Scenario(rps=20, candidate=Arm(errors=0), hours=0.05, history_hours=0)
    assert outcomes(tool, 1, short) == [Outcome(End.HELD, 180.0, 0)]
