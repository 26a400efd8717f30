"""Whole rollouts in fake time: core.decide on a cluster that fits in a few dictionaries (support.world)."""

import pytest

from leadsman.api.rolloutpolicy import OnInconclusive
from support.simulated import GOOD, careful, no_orphans, world
from support.world import Model, World


def test_a_first_model_serves_as_soon_as_its_pods_are_ready() -> None:
    at = World(careful())
    revision = at.apply("1")
    at.look()
    assert at.condition("Available") == "False/NoRevision"
    assert at.condition("Reconciling") == "True/RolloutInProgress"
    at.until("FirstRevision", seconds=30)
    at.rest(10)
    assert at.weights() == {revision: 100}
    assert at.condition("Ready") == "True/Serving"
    assert at.condition("Available") == "True/Serving"
    assert at.condition("Reconciling") == ""


@pytest.mark.parametrize("seed", range(2))
def test_a_good_model_is_promoted_and_nobody_notices(seed: int) -> None:
    at = world(seed=seed)
    before = at.hash_of("1")
    revision = at.apply("2")
    at.until("Promoted")
    assert at.reasons == ["RolloutStarted", "FirstRevision", "RolloutStarted", "StepStarted", "StepStarted", "Promoted"]
    at.rest(30)
    assert at.weights() == {revision: 100}
    assert at.running() == {before, revision}, "the previous model is kept warm"
    at.rest(150)
    assert at.running() == {revision}
    assert at.lost == 0
    assert not at.restarted
    assert no_orphans(at)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_model_is_rolled_back_within_few_bad_answers(seed: int) -> None:
    at = world(seed=seed)
    revision = at.apply("bad")
    at.until("EvidenceFailed")
    at.rest(60)
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.failed[revision] <= 60
    assert at.condition("Available") == "True/Serving"
    assert at.condition("Ready") == "False/RolledBack"
    assert at.condition("Stalled") == "True/RolledBack"
    assert at.running() == {at.hash_of("1")}
    asked = at.served[revision]
    at.rest(600)
    assert at.served[revision] == asked, "and it stays rolled back"
    assert at.lost == 0


def test_a_slow_model_is_rolled_back() -> None:
    at = world()
    revision = at.apply("slow")
    at.until("EvidenceFailed")
    assert "answers" in at.state.rejected.message if at.state.rejected else False
    assert at.served[revision] < 500
    assert at.failed[revision] < 5


def test_a_model_that_cannot_be_loaded_never_gets_a_request_and_says_why() -> None:
    at = world()
    revision = at.apply("fails")
    at.until("ModelFailed", seconds=60)
    assert at.served[revision] == 0
    assert at.state.rejected is not None
    assert at.state.rejected.message == "the model has no outputs"


def test_a_model_whose_pods_never_start_is_rejected_at_the_deadline() -> None:
    at = world()
    at.models["2"] = Model(start_seconds=9999)
    at.apply("2")
    at.until("ProgressDeadlineExceeded", seconds=150)
    assert at.weights() == {at.hash_of("1"): 100}


def test_a_candidate_whose_pods_die_is_taken_out() -> None:
    at = world()
    at.models["2"] = Model(dies_at=at.now + 20)
    at.apply("2")
    at.until("CandidateUnready", seconds=60)
    at.rest(5)
    assert at.weights() == {at.hash_of("1"): 100}


def test_an_outage_of_both_arms_holds_and_the_rollout_goes_on_after_it() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.outage = 0.5
    at.rest(120)
    assert at.reasons[-1] == "StepStarted", "neither promoted nor rolled back"
    at.outage = 0.0
    at.until("Promoted", seconds=3600)


def test_without_traffic_nothing_is_promoted_and_people_are_told_what_it_waits_for() -> None:
    at = world()
    at.rps = 0.0
    at.apply("2")
    at.until("Held")
    at.rest(200)
    assert at.reasons.count("Held") == 1
    assert at.state.candidate is not None
    assert at.state.candidate.step == 0
    assert {report.verdict for report in at.state.candidate.checks} == {"Collecting"}
    assert at.condition("Ready") == "False/RolloutInProgress"


def test_without_metrics_the_candidate_is_held_and_the_status_says_blind() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.metrics_gone = True
    at.rest(200)
    assert at.state.candidate is not None
    assert at.state.candidate.step == 0
    assert {report.verdict for report in at.state.candidate.checks} == {"Blind"}
    at.metrics_gone = False
    at.until("Promoted")


def test_without_metrics_a_candidate_that_dies_is_still_taken_out() -> None:
    at = world(metrics_gone=True)
    at.models["2"] = Model(dies_at=at.now + 60)
    at.apply("2")
    at.until("CandidateUnready")


def test_a_policy_may_end_silence_by_a_rollback() -> None:
    at = world(policy=careful(on_inconclusive=OnInconclusive.ROLLBACK))
    at.rps = 0.0
    at.apply("2")
    at.until("Inconclusive")
    assert at.state.candidate is None


def test_no_policy_promotes_in_silence() -> None:
    at = world(policy=careful(on_inconclusive=OnInconclusive.PROMOTE))
    at.rps = 0.0
    at.apply("2")
    at.until("Held")
    at.rest(900)
    assert at.state.candidate is not None
    assert at.state.candidate.step == 0


def test_a_new_spec_in_mid_rollout_starts_against_the_last_stable_model() -> None:
    at = world()
    middle = at.apply("bad")
    at.until("StepStarted")
    last = at.apply("2")
    at.look()
    assert at.weights() == {at.hash_of("1"): 100}, "the old candidate goes to 0 first"
    at.until("Promoted")
    assert at.state.stable == last
    assert at.served[middle] < 200
    at.rest(300)
    assert no_orphans(at)
    assert at.lost == 0


def test_a_to_b_to_a_in_mid_rollout_is_a_plain_return() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.apply("1")
    at.rest(60)
    assert at.reasons[-1] == "Superseded"
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.condition("Ready") == "True/Serving"
    assert at.running() == {at.hash_of("1")}


def test_back_to_the_model_of_a_moment_ago_takes_one_pass() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    at.rest(20)
    born = at.pods_born
    first = at.apply("1")
    at.look()
    assert at.weights() == {first: 100}
    assert at.reasons[-2:] == ["RolloutStarted", "Returned"]
    at.rest(30)
    assert at.pods_born == born
    assert at.lost == 0


def test_a_rejected_model_is_tried_again_once_the_spec_named_another() -> None:
    at = world()
    at.apply("bad")
    at.until("EvidenceFailed")
    at.apply("1")
    at.rest(60)
    at.models["bad"] = GOOD
    at.apply("bad")
    at.until("Promoted")


def test_without_a_gateway_the_service_switches_and_the_old_model_is_kept_warm() -> None:
    at = world(gateway=False)
    revision = at.apply("2")
    at.until("Switched")
    at.rest(5)
    assert at.weights() == {revision: 100}
    assert at.running() == {at.hash_of("1"), revision}
    assert not [key for key in at.objects if key[0] == "HTTPRoute"]
    assert at.lost == 0


def test_a_policy_that_is_deleted_in_mid_rollout_changes_nothing_for_it() -> None:
    at = world()
    at.apply("bad")
    at.until("StepStarted")
    at.policy = None
    at.until("EvidenceFailed")
    at.apply("2")
    at.rest(60)
    assert at.condition("Stalled") == "True/PolicyNotFound"
    assert at.weights() == {at.hash_of("1"): 100}
    at.policy = careful()
    at.until("Promoted")


def test_replicas_raised_in_mid_rollout_scale_both_and_lose_nothing() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.replicas = 4
    at.apply("2")
    at.until("Promoted")
    assert len(at.pods) == 8
    assert at.lost == 0
