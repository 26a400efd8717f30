"""Rollouts that begin with copies of requests, in fake time: core.decide on the cluster of support.world."""

from datetime import timedelta

import pytest

from leadsman.api.checks import AgreementCheck, Check, ErrorRateCheck, LatencyCheck
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Shadow, Step, Until
from leadsman.api.status import Phase
from support.simulated import BAD, GOOD, SLOW, careful, no_orphans, world
from support.world import Model, World

DIFFERENT = Model(differs=0.3)
SECONDS = timedelta(seconds=10)
COPIES = Step(shadow=Shadow(), min_duration=SECONDS, max_duration=30 * SECONDS)
CHECKS = (
    Check(error_rate=ErrorRateCheck()),
    Check(latency=LatencyCheck(tolerate_ratio=1.5)),
    Check(agreement=AgreementCheck()),
)


def shadowed(*steps: Step, **changes: object) -> RolloutPolicySpec:
    """A short policy with shadow steps before the usual ones."""
    return careful(steps=(*(steps or (COPIES,)), *careful().steps), checks=CHECKS, **changes)


def shadow_world(policy: RolloutPolicySpec | None = None, **changes: object) -> World:
    """Version 1 is stable, and policies begin with copies."""
    models = {"1": GOOD, "2": GOOD, "bad": BAD, "slow": SLOW, "different": DIFFERENT}
    return world(policy=policy or shadowed(), models=models, **changes)


def unseen(at: World, revision: str) -> bool:
    """Whether no user got anything from a revision, though it was sent copies."""
    return at.served[revision] == 0 and at.copied[revision] > 0


def test_a_healthy_candidate_is_proved_on_copies_before_the_first_user_sees_it() -> None:
    at = shadow_world()
    revision = at.apply("2")
    at.until("StepStarted")
    assert at.state.phase is Phase.SHADOW
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.copies() == {revision: 100}
    at.until("StepStarted")
    assert unseen(at, revision), "the first step was all copies"
    assert at.state.phase is Phase.CANARY
    assert at.copies() == {}
    at.until("Promoted")
    assert at.reasons[-4:] == ["StepStarted", "StepStarted", "StepStarted", "Promoted"]
    assert at.lost == 0
    at.rest(200)
    assert no_orphans(at)


@pytest.mark.parametrize("version", ["bad", "slow", "different"])
def test_a_harmful_candidate_is_taken_out_and_nobody_ever_saw_it(version: str) -> None:
    at = shadow_world()
    revision = at.apply(version)
    at.until("EvidenceFailed")
    at.rest(200)
    assert unseen(at, revision)
    assert at.copies() == {}
    assert at.condition("Stalled") == "True/RolledBack"
    assert no_orphans(at)


def test_a_candidate_that_answers_differently_is_told_so() -> None:
    at = shadow_world()
    at.apply("different")
    at.until("EvidenceFailed")
    assert at.state.rejected is not None
    assert "same answers to" in at.state.rejected.message


def test_a_tenth_of_requests_is_enough_to_copy() -> None:
    at = shadow_world(shadowed(COPIES.model_copy(update={"shadow": Shadow(percent=10)})))
    revision = at.apply("2")
    at.until("StepStarted")
    asked = at.served[at.hash_of("1")]
    at.until("StepStarted")
    assert at.copied[revision] == pytest.approx((at.served[at.hash_of("1")] - asked) / 10, rel=0.3)
    at.until("Promoted")


def test_without_traffic_a_shadow_step_holds_and_people_are_told_once() -> None:
    at = shadow_world(rps=0.0)
    at.apply("2")
    at.until("Held")
    at.rest(300)
    assert at.state.phase is Phase.SHADOW
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.reasons.count("Held") == 1
    assert at.status_of(at.hash_of("2")).outcome == "InProgress"


def test_a_time_limited_shadow_step_holds_in_silence_too() -> None:
    at = shadow_world(shadowed(COPIES.model_copy(update={"until": Until.TIME})), rps=0.0)
    at.apply("2")
    at.rest(200)
    assert at.state.phase is Phase.SHADOW
    at.rps = 0.5
    at.until("StepStarted")
    assert at.state.phase is Phase.CANARY, "a few requests and the time are all it asks for"


def test_a_step_by_time_after_which_agreement_is_still_open_does_not_stop_the_rollout() -> None:
    at = shadow_world(shadowed(COPIES.model_copy(update={"until": Until.TIME})))
    at.apply("2")
    at.rps = 1.0
    at.until("StepStarted")
    at.until("StepStarted")
    assert at.state.candidate is not None
    reports = {report.name: report.verdict for report in at.state.candidate.checks}
    assert reports["agreement"] == "Collecting"
    at.rps = 40.0
    at.until("Promoted")


def test_a_new_spec_in_a_shadow_step_ends_the_copies_before_the_next_begin() -> None:
    at = shadow_world()
    first = at.apply("different")
    at.until("StepStarted")
    second = at.apply("2")
    at.look()
    assert at.copies() == {}
    at.until("StepStarted")
    assert at.copies() == {second: 100}
    at.until("Promoted")
    assert at.served[first] == 0


def test_silence_may_end_a_shadow_step_as_the_policy_says() -> None:
    at = shadow_world(shadowed(on_inconclusive=OnInconclusive.ROLLBACK), rps=0.0)
    at.apply("2")
    at.until("Inconclusive")
    at.rest(60)
    assert at.copies() == {}
    assert no_orphans(at)
