"""Many runs: the seed alone decides, and the figures say what happened."""

import pytest

from leadsman.simulation import (
    LEADSMAN,
    Arm,
    End,
    Harm,
    Outcome,
    Outcomes,
    Scenario,
    Study,
    Task,
    choose,
    harm,
    run,
    simulate,
    summarise,
    trace,
)
from leadsman.simulation.study import play
from unit.simulation.policies import AGREEMENT, COPIES, ERRORS, OBJECTIVE, policy

FAILING = Scenario(rps=5, candidate=Arm(errors=0.3))
TOOLS = ("flagger", "argo")


def test_the_same_seed_gives_the_same_and_another_one_another() -> None:
    one, same, other = (run(policy(ERRORS), FAILING, 15, seed) for seed in (4, 4, 5))
    assert one == same != other


def test_it_does_not_matter_who_does_the_runs_nor_when() -> None:
    def backwards(work: object, tasks: list[Task]) -> list[Outcomes]:
        return [play(task) for task in reversed(tasks)][::-1]

    study = Study(policy(ERRORS), FAILING, 4, TOOLS)
    assert simulate(study, 25) == simulate(study, 25, backwards)  # type: ignore[arg-type]


def test_more_runs_begin_with_the_same_ones() -> None:
    study = Study(policy(ERRORS), FAILING, 4)
    assert simulate(study, 21)[LEADSMAN][:9] == simulate(study, 9)[LEADSMAN]


def test_comparing_changes_nothing_for_leadsman() -> None:
    alone = simulate(Study(policy(ERRORS), FAILING, 4), 5)[LEADSMAN]
    assert simulate(Study(policy(ERRORS), FAILING, 4, TOOLS), 5)[LEADSMAN] == alone


def test_a_healthy_candidate_is_hardly_ever_rolled_back() -> None:
    # At a false-rollback rate of 1 % more than 6 of 150 would be one in a thousand.
    for rps, clump in ((0.2, 1), (2, 1), (2, 5), (20, 10)):
        summary = run(policy(OBJECTIVE), Scenario(rps=rps, clump=clump, hours=1, history_hours=6), 150, 11)
        assert summary.harm is Harm.NONE
        assert summary.rolled_back <= 6, (rps, clump)


def test_a_candidate_that_fails_is_found_before_many_users_are() -> None:
    summary = run(policy(OBJECTIVE), Scenario(rps=20, candidate=Arm(errors=1)), 50, 1)
    assert summary.rolled_back == 50
    assert summary.seconds_to_verdict is not None
    assert summary.seconds_to_verdict[1] <= 10
    assert summary.bad_responses[1] <= 10


HARMS = {
    "the same": (policy(), Scenario(), Harm.NONE),
    "fewer errors": (policy(), Scenario(candidate=Arm(errors=0)), Harm.NONE),
    "some more errors, below what is tolerated": (policy(), Scenario(candidate=Arm(errors=0.015)), Harm.TOLERABLE),
    "more errors than are tolerated": (policy(), Scenario(candidate=Arm(errors=0.03)), Harm.INTOLERABLE),
    "more than are tolerated, as stable has": (
        policy(),
        Scenario(stable=Arm(errors=0.03), candidate=Arm(errors=0.04)),
        Harm.TOLERABLE,
    ),
    "a little slower": (policy(), Scenario(candidate=Arm(latency_ms=23)), Harm.NONE),
    "much slower": (policy(), Scenario(candidate=Arm(latency_ms=30)), Harm.INTOLERABLE),
    "much slower, and the policy does not look": (
        policy(ERRORS),
        Scenario(candidate=Arm(latency_ms=30)),
        Harm.INTOLERABLE,
    ),
    "wrong more often, and nobody tells": (policy(), Scenario(candidate=Arm(wrong=0.5)), Harm.NONE),
    "wrong a little more often": (policy(), Scenario(candidate=Arm(wrong=0.12), label_rate=0.1), Harm.TOLERABLE),
    "wrong much more often": (policy(), Scenario(candidate=Arm(wrong=0.2), label_rate=0.1), Harm.INTOLERABLE),
    "other predictions, within the margin": (policy(), Scenario(candidate=Arm(top=0.58)), Harm.NONE),
    "other predictions": (policy(), Scenario(candidate=Arm(top=0.3)), Harm.INTOLERABLE),
    "answers that agree enough": (policy(AGREEMENT), Scenario(disagreement=0.05), Harm.NONE),
    "answers that do not": (policy(AGREEMENT), Scenario(disagreement=0.06), Harm.INTOLERABLE),
    "crashes": (policy(), Scenario(crashes_per_day=3), Harm.INTOLERABLE),
}


@pytest.mark.parametrize(("asked", "scenario", "expected"), HARMS.values(), ids=HARMS)
def test_a_candidate_with(asked: object, scenario: Scenario, expected: Harm) -> None:
    assert harm(asked, scenario) is expected  # type: ignore[arg-type]


OUTCOMES = [
    Outcome(End.PROMOTED, 100.0, 1),
    Outcome(End.ROLLED_BACK, 20.0, 4),
    Outcome(End.PROMOTED, 60.0, 0),
    Outcome(End.HELD, 7200.0, 9),
]


@pytest.mark.parametrize(
    ("standing", "false_rollbacks", "wrong_promotions", "misses"),
    [(Harm.NONE, 0.25, 0.0, 0.0), (Harm.TOLERABLE, 0.0, 0.0, 0.0), (Harm.INTOLERABLE, 0.0, 0.5, 0.75)],
)
def test_what_is_a_mistake_depends_on_the_candidate(
    standing: Harm, false_rollbacks: float, wrong_promotions: float, misses: float
) -> None:
    summary = summarise(OUTCOMES, standing)
    assert (summary.runs, summary.promoted, summary.rolled_back, summary.held) == (4, 2, 1, 1)
    assert summary.false_rollback_rate == false_rollbacks
    assert summary.wrong_promotion_rate == wrong_promotions
    assert summary.miss_rate == misses


def test_times_are_of_the_runs_with_a_verdict_and_bad_responses_of_all() -> None:
    summary = summarise(OUTCOMES, Harm.NONE)
    assert summary.seconds_to_verdict == pytest.approx((28.0, 60.0, 92.0))
    assert summary.bad_responses == pytest.approx((0.3, 2.5, 7.5))


def test_no_verdict_takes_no_time() -> None:
    assert summarise(OUTCOMES[3:], Harm.NONE).seconds_to_verdict is None


def test_of_a_few_runs_shown_none_of_the_ends_is_missing() -> None:
    many = OUTCOMES[:1] * 50 + OUTCOMES[1:2] + OUTCOMES[:1] * 50 + OUTCOMES[3:]
    assert choose(many, 4) == [0, 1, 50, 101]
    assert choose(OUTCOMES, 8) == [0, 1, 2, 3]


def test_a_run_can_be_gone_through_again() -> None:
    study = Study(policy(OBJECTIVE, AGREEMENT, steps=(COPIES, *policy().steps)), Scenario(rps=20), 3)
    outcomes = simulate(study, 3)[LEADSMAN]
    course = trace(study, 2)
    assert course.outcome == outcomes[2]
    assert course.exposures[0][0] == 0
    assert course.exposures[0][1].shadow == 1
    assert [exposure.weight for _, exposure in course.exposures] == [0.0, 0.1, 0.5, 0.0]
    assert "all 3 steps passed" in course.why
    assert course.readings == ()


def test_a_run_can_be_gone_through_with_its_evidence() -> None:
    study = Study(policy(OBJECTIVE), Scenario(rps=20, candidate=Arm(errors=0.1)), 3)
    readings = trace(study, 0, with_readings=True).readings
    assert len(readings) > 5
    assert readings[-1].harm == 1.0
    assert all(0 <= reading.harm <= 1 and 0 <= reading.promotion <= 1 for reading in readings)
