"""The machine before a revision has a pod. Every case is keyed by the sentence that it proves."""

from datetime import timedelta

import pytest

from leadsman.api.preflight import PreflightRules
from leadsman.api.status import Mode, Phase, RolloutState
from leadsman.core.rollout import running, step
from leadsman.core.situation import Preflight
from support.machine import (
    MINUTE,
    Case,
    check,
    check_again,
    in_preflight,
    policy,
    preparing,
    retiring,
    serving,
    situation,
    warm,
)

OWED = Preflight(message="it runs")
PASSED = Preflight(passed=True)
FAILED = Preflight(passed=False, message="golden: 3 of 10 answers differ")
PATIENT = policy(progress_deadline=2 * MINUTE, preflight=PreflightRules(deadline=10 * MINUTE))
NONE_OF_B = {"a": 2}

CASES = {
    "a revision is held to its word before it has a pod": Case(
        serving(),
        situation(ready=NONE_OF_B, preflight=OWED),
        Phase.PREFLIGHT,
        {"a": 100},
        ["RolloutStarted b"],
    ),
    "so is the first of a model": Case(
        RolloutState(), situation(ready={}, preflight=OWED), Phase.PREFLIGHT, {}, ["RolloutStarted b"]
    ),
    "and one where no gateway splits traffic": Case(
        serving(),
        situation(ready=NONE_OF_B, mode=Mode.SERVICE, preflight=OWED),
        Phase.PREFLIGHT,
        {"a": 100},
        ["RolloutStarted b"],
    ),
    "pods that are ready already change nothing about that": Case(
        in_preflight(), situation(preflight=OWED), Phase.PREFLIGHT, {"a": 100}
    ),
    "one that passed is prepared": Case(
        in_preflight(), situation(ready=NONE_OF_B, preflight=PASSED), Phase.PREPARING, {"a": 100}
    ),
    "one that failed is rejected, and nobody was sent to it": Case(
        in_preflight(),
        situation(ready=NONE_OF_B, preflight=FAILED),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["PreflightFailed b"],
    ),
    "a first revision that failed serves nobody": Case(
        in_preflight(stable=None), situation(ready={}, preflight=FAILED), Phase.ROLLED_BACK, {}, ["PreflightFailed b"]
    ),
    "one that was promoted before with these bytes owes none": Case(
        serving(), situation(ready=NONE_OF_B), Phase.PREPARING, {"a": 100}, ["RolloutStarted b"]
    ),
    "neither does one that is still loaded": Case(
        serving(retiring=(warm("b"),)),
        situation(preflight=OWED),
        Phase.IDLE,
        {"b": 100},
        ["RolloutStarted b", "Returned b"],
    ),
    "going back to stable takes no preflight": Case(
        in_preflight(), situation("a", preflight=OWED), Phase.IDLE, {"a": 100}, ["Superseded b"]
    ),
    "a spec that changes meanwhile begins with the preflight of the next": Case(
        in_preflight(),
        situation("c", preflight=OWED),
        Phase.PREFLIGHT,
        {"a": 100},
        ["Superseded b", "RolloutStarted c"],
    ),
    "one that is waited for is not given up at the deadline that pods have": Case(
        in_preflight(policy=PATIENT),
        situation(ready=NONE_OF_B, at=9 * MINUTE, preflight=OWED),
        Phase.PREFLIGHT,
        {"a": 100},
    ),
    "but at its own, and it never had a pod that could be rolled back": Case(
        in_preflight(policy=PATIENT),
        situation(ready=NONE_OF_B, at=10 * MINUTE, preflight=OWED),
        Phase.ROLLED_BACK,
        {"a": 100},
        ["PreflightFailed b"],
    ),
    "the time that its pods have begins when it has passed": Case(
        preparing(prepared_at=situation(at=4 * MINUTE).now),
        situation(ready=NONE_OF_B, at=8 * MINUTE),
        Phase.PREPARING,
        {"a": 100},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_machine(case: Case) -> None:
    check(case)
    check_again(case)


@pytest.mark.parametrize("preflight", [OWED, FAILED], ids=["undecided", "failed"])
def test_nothing_runs_of_what_has_not_passed(preflight: Preflight) -> None:
    state = step(situation(preflight=preflight), serving()).state
    assert running(state) == ("a",)
    assert running(step(situation(preflight=preflight), state).state) == ("a",)


def test_pods_of_an_earlier_try_drain_while_it_is_tried_again() -> None:
    """The gateway may still send to them: they lost their traffic a moment ago."""
    before = serving(retiring=(retiring("b", left=timedelta(seconds=20)),))
    state = step(situation(preflight=OWED), before).state
    assert running(state) == ("a", "b")
    passed = step(situation(preflight=PASSED, ready=NONE_OF_B), state).state
    assert (running(passed), passed.retiring) == (("a", "b"), ())
    assert running(step(situation(preflight=OWED, at=MINUTE), state).state) == ("a",)


def test_it_looks_again_before_the_job_s_own_deadline_takes_its_last_words_away() -> None:
    decision = step(situation(at=timedelta(seconds=596), preflight=OWED), in_preflight(policy=PATIENT))
    assert decision.requeue_after == timedelta(seconds=4)


def test_what_was_waited_for_is_told() -> None:
    why = Preflight(message="not scheduled: 0/3 nodes have 64Gi")
    (notice,) = step(situation(at=10 * MINUTE, preflight=why), in_preflight(policy=PATIENT)).notices
    assert notice.message == (
        "revision b is rejected by its preflight: it had not ended after 600 s: not scheduled: 0/3 nodes have 64Gi"
    )
    assert notice.warning
