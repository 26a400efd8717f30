"""What users of other tools complain of, each shown not to happen here; docs/complaints.md has them all."""

import pytest

from leadsman.api.evidence import Verdict
from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutpolicy import OnBadStable
from leadsman.core.names import REVISION_LABEL
from support.simulated import BAD, GOOD, careful, world
from support.situations import MODELS, policy
from support.world import NAME, Model, World


def fail_one_request(at: World, revision: str) -> None:
    """One user of a revision gets an error."""
    pod = next(pod for pod in at.pods.values() if pod.revision == revision)
    pod.requests, pod.errors = pod.requests + 1, pod.errors + 1


def test_one_error_where_there_is_hardly_any_traffic_takes_nothing_back() -> None:
    """One of one is 100 %, and no evidence."""
    at = world(rps=0.05)
    revision = at.apply("2")
    at.until("StepStarted")
    fail_one_request(at, revision)
    at.rest(240)
    assert at.reasons[-1] == "StepStarted"
    assert at.state.candidate is not None
    assert at.state.candidate.revision == revision


def test_pods_that_come_and_go_are_no_progress() -> None:
    at = world()
    revision = at.apply("2")
    for _ in range(200):
        at.look()
        at.live(1)
        if at.reasons[-1] == "ProgressDeadlineExceeded":
            break
        flapping = [pod for pod in at.pods.values() if pod.revision == revision and pod.ready(at.now)]
        for pod in flapping[:1]:
            del at.pods[pod.name]
    assert at.reasons[-1] == "ProgressDeadlineExceeded"
    assert at.served[revision] == 0


def test_no_deadline_is_left_to_fire_once_a_model_is_out() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    at.rest(150)
    at.models["2"], at.rps = Model(start_seconds=10_000), 1.0
    at.pods.clear()
    at.rest(1800)
    assert at.reasons[-1] == "Promoted"
    assert at.condition("Available") == "False/NoReadyReplicas", "which is said, and is no reason to go anywhere else"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("version", ["2", "bad", "slow"])
def test_what_was_decided_is_what_was_measured(version: str, seed: int) -> None:
    """A step passes when every check of its receipt passes; a rollback has one that fails."""
    at = world(seed=seed)
    revision = at.apply(version)
    at.until("Promoted", "EvidenceFailed")
    receipts = at.status_of(revision).receipts
    for receipt in receipts[2:]:
        verdicts = {report.verdict for report in receipt.checks}
        assert verdicts == {Verdict.PASS} if receipt.reason != "EvidenceFailed" else Verdict.FAIL in verdicts
    assert at.status_of(revision).outcome is (Outcome.PROMOTED if version == "2" else Outcome.ROLLED_BACK)


def test_what_was_cut_short_is_no_success() -> None:
    at = world()
    middle = at.apply("2")
    at.until("StepStarted")
    at.models["3"] = GOOD
    at.apply("3")
    at.until("Promoted")
    assert at.status_of(middle).outcome is Outcome.SUPERSEDED


def test_a_model_that_is_a_hundred_times_slower_for_a_third_of_its_users_is_rolled_back() -> None:
    at = world()
    at.models["2"] = Model(stalls=0.3)
    revision = at.apply("2")
    at.until("EvidenceFailed")
    assert at.served[revision] < 500


def test_why_it_was_rolled_back_is_one_sentence_with_counts_wherever_one_looks() -> None:
    at = world()
    revision = at.apply("bad")
    plan = next(plan for plan in at.run(600) if plan and any(n.reason == "EvidenceFailed" for n in plan.notices))
    at.rest(5)
    told = plan.notices[-1].message
    receipt = at.status_of(revision).receipts[-1]
    ready = next(one for one in at.status["conditions"] if one["type"] == "Ready")
    assert at.state.rejected is not None
    assert receipt.message == at.status_of(revision).message == told
    assert told.endswith(at.state.rejected.message)
    assert ready["message"].endswith(at.state.rejected.message)
    failed = next(report for report in receipt.checks if report.verdict is Verdict.FAIL)
    assert failed.message in told
    assert "errors" in failed.message
    assert "against" in failed.message


def test_one_address_serves_through_a_promotion_a_rollback_and_a_return() -> None:
    at = world()
    url, moments = at.status["url"], 0
    for version, reason in (("2", "Promoted"), ("bad", "EvidenceFailed"), ("1", "Promoted")):
        at.apply(version)
        told = len(at.history)
        for _ in at.run(300):
            moments += 1
            assert at.status["url"] == url
            selected = at.objects["Service", NAME]["spec"]["selector"][REVISION_LABEL]
            assert any(pod.revision == selected and pod.ready(at.now) for pod in at.pods.values())
            if reason in at.reasons[told:]:
                break
    assert moments > 10
    assert at.lost == 0


def test_available_means_that_something_serves_and_ready_that_the_new_one_does() -> None:
    """Neither flips in a healthy rollout, and neither is true of a model that cannot serve."""
    at = world(policy=policy(), models=MODELS)
    for version, reason in (("2", "Promoted"), ("fails", "ModelFailed"), ("bad", "EvidenceFailed")):
        at.apply(version)
        at.look()
        readiness = [at.condition("Ready")]
        for _ in at.run(600):
            assert at.condition("Available") == "True/Serving"
            readiness.append(at.condition("Ready"))
            if reason in at.reasons:
                break
        at.rest(20)
        assert set(readiness) <= {
            "False/RolloutInProgress",
            "False/RolledBack",
            "True/Serving",
            "False/RouteNotAccepted",
        }
        assert at.condition("Ready") == ("True/Serving" if version == "2" else "False/RolledBack")


def test_a_policy_edited_in_mid_rollout_holds_for_the_next_one() -> None:
    """Nothing starts anew at step 1, and no bound moves under a candidate."""
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.policy = careful(steps=careful().steps[:1])
    at.until("Promoted")
    assert at.reasons[-3:] == ["StepStarted", "StepStarted", "Promoted"]


def test_a_stable_that_fails_its_users_does_not_block_its_fix() -> None:
    at = world()
    for pod in at.pods.values():
        pod.model = BAD
    at.rest(60)
    at.apply("2")
    at.until("Promoted")
    assert "EvidenceFailed" not in at.reasons


def test_only_a_rejected_revision_that_is_named_again_or_asked_for_is_tried_again() -> None:
    at = world()
    revision = at.apply("bad")
    at.until("EvidenceFailed")
    at.rest(60)
    asked, decisions = at.served[revision], len(at.history)
    for replicas in (2, 3, 2):
        at.replicas = replicas
        at.apply("bad")
        at.rest(120)
    assert (at.served[revision], len(at.history)) == (asked, decisions)


def turn_bad(at: World, version: str) -> None:
    """The model itself goes wrong: its pods, and all that will be made."""
    at.models = at.models | {version: BAD}
    for pod in at.pods.values():
        if pod.revision == at.hash_of(version):
            pod.model = BAD


def test_harm_that_shows_only_after_the_promotion_brings_the_warm_model_back() -> None:
    """By itself, with no pod started, and whatever Git syncs again."""
    at = world(policy=policy(), models=MODELS)
    first = at.hash_of("1")
    revision = at.apply("2")
    at.until("Promoted")
    at.rest(30)
    born, failed = at.pods_born, at.failed[revision]
    turn_bad(at, "2")
    at.until("EvidenceFailed", seconds=60)
    at.rest(5)
    assert at.weights() == {first: 100}
    assert at.failed[revision] - failed < 200
    at.apply("2")
    at.rest(300)
    assert (at.weights(), at.pods_born, at.lost) == ({first: 100}, born, 0)


def test_a_stable_without_a_single_pod_does_not_block_its_fix_where_the_policy_says_so() -> None:
    at = world(policy=careful(on_bad_stable=OnBadStable.PROMOTE))
    at.models = at.models | {"1": Model(failure="the disk is full")}
    at.pods.clear()
    at.rest(60)
    revision = at.apply("2")
    at.until("Promoted", "Forced", seconds=300)
    at.rest(30)
    assert at.weights() == {revision: 100}
    assert "has had no ready pod" in " ".join(receipt.message for receipt in at.status_of(revision).receipts)


def test_a_stable_without_a_single_pod_does_not_block_its_fix_when_somebody_asks() -> None:
    at = world()
    at.models = at.models | {"1": Model(failure="the disk is full")}
    at.pods.clear()
    at.rest(60)
    revision = at.apply("2")
    at.until("StepStarted")
    at.ask("Promote", "ann", revision=revision, reason="stable is down")
    at.until("Promoted", seconds=120)
    forced = next(receipt for receipt in at.status_of(revision).receipts if receipt.reason == "Forced")
    assert (forced.by, "stable is down" in forced.message) == ("ann", True)


def test_an_abort_takes_one_look_and_stays_until_somebody_retries() -> None:
    at = world()
    first = at.hash_of("1")
    revision = at.apply("2")
    at.until("StepStarted")
    at.ask("Abort", revision=revision)
    at.look()
    assert at.weights() == {first: 100}
    at.apply("2")
    at.rest(300)
    assert at.weights() == {first: 100}
    at.ask("Retry", revision=revision)
    at.until("Promoted")
    assert {action["status"]["outcome"] for action in at.asked.values()} == {"Accepted"}


@pytest.mark.parametrize("write", range(12))
def test_what_was_asked_for_is_done_once_wherever_the_operator_dies(write: int) -> None:
    """No promotion gets lost, none is done twice, and none is for another revision."""
    at = world()
    revision = at.apply("2")
    at.until("StepStarted")
    name = at.ask("Promote", revision=revision)
    at.crash_before = at.writes + write
    at.until("Promoted", seconds=120)
    at.apply("bad")
    at.until("EvidenceFailed")
    assert at.asked[name]["status"]["outcome"] == "Accepted"
    assert at.reasons.count("Forced") == 1


def test_requests_that_go_elsewhere_than_they_should_hold_the_step_and_are_told() -> None:
    """Sticky sessions, callers that go round the gateway, a route that is reset: no evidence of that weight."""
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.sticky = 0.9
    at.rest(280)
    assert at.reasons[-1] == "StepStarted"
    assert at.condition("Skewed") == "True/SplitDisagrees"
    at.sticky = 0.0
    at.until("Promoted")
    assert at.condition("Skewed") == ""
