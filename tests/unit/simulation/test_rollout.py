"""Single runs: they go as the operator would have it, and what is passed over changes nothing."""

from datetime import timedelta

import numpy as np
import pytest

from leadsman.api.checks import Check, CrashesCheck, PredictionsCheck, QualityCheck
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step, Until
from leadsman.simulation.outcome import End, Outcome
from leadsman.simulation.rollout import Moment, roll_out
from leadsman.simulation.scenario import Arm, Outage, Scenario
from unit.simulation.policies import AGREEMENT, COPIES, ERRORS, LATENCY, OBJECTIVE, met, policy

SHADOW_FIRST = policy(OBJECTIVE, LATENCY, AGREEMENT, steps=(COPIES, Step(weight=10, until=Until.TIME), Step(weight=50)))
SHORT = (Step(weight=10, min_duration=timedelta(0), max_duration=timedelta(minutes=2)), Step(weight=50))


def finish(asked: RolloutPolicySpec, scenario: Scenario, number: int = 0, **how: object) -> Outcome:
    """One run."""
    return roll_out(asked, scenario, met(scenario, number), np.random.default_rng([2, number]), **how)  # type: ignore[arg-type]


SAME = {
    "a healthy candidate": (policy(), Scenario()),
    "errors in clumps": (policy(), Scenario(rps=20, clump=10)),
    "a candidate that fails": (policy(), Scenario(rps=0.3, candidate=Arm(errors=1))),
    "a slow candidate": (policy(), Scenario(candidate=Arm(latency_ms=40))),
    "copies first": (SHADOW_FIRST, Scenario(rps=5)),
    "a candidate of another opinion": (SHADOW_FIRST, Scenario(disagreement=0.06)),
    "an outage of both": (SHADOW_FIRST, Scenario(rps=10, outage=Outage(60, 300, 0.3))),
    "a step that ends unproved": (policy(steps=SHORT, on_inconclusive=OnInconclusive.PROMOTE), Scenario(rps=1)),
    "an interval that is no divisor of anything": (policy(interval=timedelta(seconds=7)), Scenario(rps=3)),
}


@pytest.mark.parametrize(("asked", "scenario"), SAME.values(), ids=SAME)
def test_passing_over_what_decides_nothing_changes_nothing(asked: RolloutPolicySpec, scenario: Scenario) -> None:
    for number in range(3):
        assert finish(asked, scenario, number) == finish(asked, scenario, number, every_look=True)


ENDS = {
    "as good as stable": (policy(), Scenario(rps=20), End.PROMOTED),
    "every request fails": (policy(), Scenario(rps=20, candidate=Arm(errors=1)), End.ROLLED_BACK),
    "twice as slow": (policy(), Scenario(rps=20, candidate=Arm(latency_ms=40)), End.ROLLED_BACK),
    "too little time to tell": (policy(), Scenario(rps=0.05), End.HELD),
    "too little time to tell, and the policy goes back": (
        policy(steps=SHORT, on_inconclusive=OnInconclusive.ROLLBACK),
        Scenario(rps=0.05),
        End.ROLLED_BACK,
    ),
    "steps that only ask for time": (
        policy(steps=(Step(weight=10, until=Until.TIME), Step(weight=50, until=Until.TIME))),
        Scenario(rps=1),
        End.PROMOTED,
    ),
    "another opinion about copies": (SHADOW_FIRST, Scenario(rps=5, disagreement=0.2), End.ROLLED_BACK),
    "a day that begins with an outage of both": (
        policy(OBJECTIVE, LATENCY),
        Scenario(rps=20, outage=Outage(30, 300, 0.5)),
        End.PROMOTED,
    ),
    "more wrong answers": (
        policy(Check(quality=QualityCheck())),
        Scenario(rps=20, candidate=Arm(wrong=0.3), label_rate=0.5, label_delay=60),
        End.ROLLED_BACK,
    ),
    "as many wrong answers": (
        policy(Check(quality=QualityCheck(tolerate=0.2))),
        Scenario(rps=20, label_rate=0.5, label_delay=60),
        End.PROMOTED,
    ),
    "other predictions": (
        policy(Check(predictions=PredictionsCheck())),
        Scenario(rps=20, candidate=Arm(top=0.9)),
        End.ROLLED_BACK,
    ),
    "the same predictions": (policy(Check(predictions=PredictionsCheck())), Scenario(rps=20), End.PROMOTED),
    "pods that crash": (policy(Check(crashes=CrashesCheck())), Scenario(crashes_per_day=500), End.ROLLED_BACK),
    "looks that fail": (policy(), Scenario(rps=20, scrape_failures=0.5), End.PROMOTED),
    "looks that all fail": (policy(), Scenario(rps=20, scrape_failures=1.0), End.HELD),
}


@pytest.mark.parametrize(("asked", "scenario", "end"), ENDS.values(), ids=ENDS)
def test_a_candidate_that_is(asked: RolloutPolicySpec, scenario: Scenario, end: End) -> None:
    assert finish(asked, scenario).end is end


def test_users_do_not_see_what_is_answered_to_copies() -> None:
    outcome = finish(SHADOW_FIRST, Scenario(rps=20, candidate=Arm(errors=1)))
    assert (outcome.end, outcome.bad_responses) == (End.ROLLED_BACK, 0)
    assert outcome.seconds <= 10


def test_what_users_bear_is_all_that_the_candidate_failed() -> None:
    outcome = finish(policy(), Scenario(rps=20, candidate=Arm(errors=1)))
    assert outcome.bad_responses == pytest.approx(20 * 0.1 * outcome.seconds, rel=0.9)


def test_no_run_is_longer_than_its_hours() -> None:
    assert finish(policy(), Scenario(rps=0.05, hours=0.5)) == Outcome(End.HELD, 1800.0, 0)


def test_watching_tells_what_the_candidate_got_and_why() -> None:
    moments: list[Moment] = []
    outcome = finish(policy(), Scenario(rps=20), watch=moments.append)
    weights = [moment.exposure.weight for moment in moments]
    assert weights == [*sorted(weights[:-1]), 0.0]
    assert set(weights) == {0.1, 0.5, 0.0}
    assert moments[0].seconds == 0
    assert moments[-1].seconds == outcome.seconds
    assert "is stable: all 2 steps passed: errors " in moments[-1].decided[-1]


def test_the_reports_are_of_the_moment() -> None:
    moments: list[Moment] = []
    finish(policy(ERRORS), Scenario(rps=20), watch=moments.append, every_look=True)
    later = moments[20].judge()
    assert later.checks[0].candidate.requests > 0
    assert later.checks[0].name == "errorRate"
