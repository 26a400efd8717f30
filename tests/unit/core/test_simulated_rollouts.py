"""Whole rollouts in fake time: core.decide on a cluster that fits in a few dictionaries (support.world)."""

from datetime import timedelta
from random import Random

import pytest

from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step
from support.world import NAME, CrashError, Model, World

GOOD = Model(errors=0.002)
BAD = Model(errors=0.3)
SLOW = Model(median=0.030)


def careful(**changes: object) -> RolloutPolicySpec:
    """A short policy."""
    minute = timedelta(minutes=1)
    steps = tuple(Step(weight=w, min_duration=timedelta(seconds=10), max_duration=5 * minute) for w in (20, 50))
    policy = RolloutPolicySpec(
        steps=steps, progress_deadline=2 * minute, keep_warm=2 * minute, interval=timedelta(seconds=5)
    )
    return policy.model_copy(update=changes)


def world(**changes: object) -> World:
    """A world with version 1 stable and in use."""
    models = {"1": GOOD, "2": GOOD, "bad": BAD, "slow": SLOW, "fails": Model(failure="the model has no outputs")}
    made = World(**{"policy": careful(), "models": models} | changes)  # type: ignore[arg-type]
    made.apply("1")
    made.until("FirstRevision")
    made.rest(30)
    assert made.condition("Ready") == "True/Serving"
    return made


def no_orphans(at: World) -> bool:
    """Whether everything that is there belongs to what the state names."""
    state = at.state
    named = {state.stable, state.candidate and state.candidate.revision, *(e.revision for e in state.retiring)} - {None}
    services = {name.removeprefix(f"{NAME}-") for kind, name in at.objects if kind == "Service"} - {NAME}
    return at.running() == named == services and {pod.revision for pod in at.pods.values()} <= named


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
    at.until("Inconclusive")
    at.rest(200)
    assert at.reasons.count("Inconclusive") == 1
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


@pytest.mark.parametrize(
    ("choice", "end"), [(OnInconclusive.PROMOTE, "Promoted"), (OnInconclusive.ROLLBACK, "Inconclusive")]
)
def test_a_policy_may_choose_how_silence_ends(choice: OnInconclusive, end: str) -> None:
    at = world(policy=careful(on_inconclusive=choice))
    at.rps = 0.0
    at.apply("2")
    at.until(end)
    assert at.state.candidate is None


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


def writes_nothing(at: World) -> None:
    """Assert that two passes have nothing to write."""
    for _ in range(2):
        observed = at.observed()
        writes = at.writes
        plan = at.look()
        assert (plan.records, plan.receipts, plan.actions, plan.notices) == ([], {}, [], ())
        assert plan.status == observed.deployment.status
        assert at.writes == writes
        at.live(5)


def test_a_steady_state_writes_nothing() -> None:
    at = world()
    writes_nothing(at)
    at.apply("bad")
    at.until("EvidenceFailed")
    at.rest(60)
    writes_nothing(at)
    at.apply("2")
    at.until("Promoted")
    at.rest(10)
    writes_nothing(at)
    at.rest(300)
    writes_nothing(at)


def test_an_upgrade_of_the_operator_restarts_nothing_and_holds_for_what_is_born_after() -> None:
    at = world()
    at.image = "serving:2"
    at.rest(30)
    writes_nothing(at)
    at.apply("2")
    at.until("Promoted")
    at.rest(10)
    assert not at.restarted
    images = {
        name: raw["spec"]["template"]["spec"]["containers"][0]["image"]
        for (kind, name), raw in at.objects.items()
        if kind == "Deployment"
    }
    assert images == {f"{NAME}-{at.hash_of('1')}": "serving:1", f"{NAME}-{at.hash_of('2')}": "serving:2"}


def test_a_revision_record_deleted_by_hand_does_not_stop_what_serves() -> None:
    at = world()
    del at.objects["ModelRevision", f"{NAME}-{at.hash_of('1')}"]
    at.rest(30)
    assert at.weights() == {at.hash_of("1"): 100}
    assert not at.restarted
    assert at.lost == 0
    assert ("ModelRevision", f"{NAME}-{at.hash_of('1')}") in at.objects, "and it comes back while it is desired"


def test_the_record_of_stable_deleted_by_hand_in_mid_rollout_leaves_it_serving() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    del at.objects["ModelRevision", f"{NAME}-{at.hash_of('1')}"]
    at.until("Promoted")
    assert at.lost == 0
    assert at.running() == {at.hash_of("1"), at.hash_of("2")}


def test_an_object_changed_by_hand_is_put_right() -> None:
    at = world()
    route = at.objects["HTTPRoute", NAME]
    right = route["spec"]["rules"]
    route["spec"]["rules"] = [{"backendRefs": [{"name": f"{NAME}-gone", "port": 80, "weight": 100}]}]
    at.look()
    assert at.objects["HTTPRoute", NAME]["spec"]["rules"] == right


def test_an_object_with_our_labels_that_is_not_ours_is_left_alone() -> None:
    at = world()
    exposed = {**at.objects["Service", NAME], "metadata": {"name": "mine", "labels": {"leadsman.dev/model": NAME}}}
    at.objects["Service", "mine"] = exposed
    at.rest(30)
    assert ("Service", "mine") in at.objects


def test_after_a_loss_of_all_status_stable_stays_and_the_candidate_starts_again() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.lose_status()
    at.look()
    assert at.state.stable == at.hash_of("1")
    assert at.state.candidate is not None
    assert at.state.candidate.step == 0
    at.until("Promoted")
    assert at.lost == 0


def test_after_a_loss_of_all_status_a_rejected_model_stays_rejected() -> None:
    at = world()
    revision = at.apply("bad")
    at.until("EvidenceFailed")
    at.rest(60)
    asked = at.served[revision]
    at.lose_status()
    at.rest(300)
    assert at.served[revision] == asked
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.condition("Stalled") == "True/RolledBack"


def test_history_is_bounded_and_what_is_needed_is_kept() -> None:
    at = world(policy=careful(keep_warm=timedelta(seconds=30)))
    for number in range(10):
        at.apply(f"v{number}")
        at.until("Promoted")
        at.rest(40)
    at.rest(40)
    records = [raw for (kind, _), raw in at.objects.items() if kind == "ModelRevision"]
    assert len(records) == 11  # what serves, and 10 of before
    assert no_orphans(at)
    assert {ModelRevision.model_validate(raw).status.outcome for raw in records} == {"Promoted"}


def evidence_is_exact(at: World) -> None:
    """Assert that the evidence counts each of the candidate's answers once."""
    candidate = at.state.candidate
    if candidate is None or candidate.evidence is None:
        return
    for comparison in candidate.evidence.comparisons:
        if comparison.name == "errorRate":
            pods = [pod for pod in at.pods.values() if pod.revision == candidate.revision]
            assert comparison.candidate.requests == sum(pod.requests for pod in pods)
            assert comparison.candidate.events == sum(pod.errors for pod in pods)


def test_what_pods_answered_in_an_earlier_try_is_not_held_against_the_next() -> None:
    at = world()
    revision = at.apply("bad")
    at.until("EvidenceFailed")
    at.apply("1")
    at.look()
    for pod in at.pods.values():
        pod.model = GOOD
    at.apply("bad")
    at.look()
    at.live(5)
    at.look()
    old = sum(pod.errors for pod in at.pods.values() if pod.revision == revision)
    assert old > 5, "its pods still run, with their counters"
    assert at.state.candidate is not None
    assert at.state.candidate.evidence is not None
    assert all(comparison.candidate.events == 0 for comparison in at.state.candidate.evidence.comparisons)
    at.until("Promoted")


def test_what_was_answered_while_nobody_could_look_is_counted_once_afterwards() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.rest(10)
    at.metrics_gone = True
    at.rest(10)
    at.metrics_gone = False
    at.look()
    assert at.state.candidate is not None
    evidence_is_exact(at)


SCENARIOS = {
    "promoted": (
        ["2"],
        ["RolloutStarted", "FirstRevision", "RolloutStarted", "StepStarted", "StepStarted", "Promoted"],
    ),
    "rolled back": (["bad"], ["RolloutStarted", "FirstRevision", "RolloutStarted", "StepStarted", "EvidenceFailed"]),
    "superseded": (
        ["bad", "1"],
        ["RolloutStarted", "FirstRevision", "RolloutStarted", "StepStarted", "Superseded"],
    ),
}
BRISK = careful(keep_warm=timedelta(seconds=40))


def scenario(versions: list[str], crash_before: int | None = None) -> World:
    """From nothing to the end, with a crash of the operator before one write."""
    models = {"1": GOOD, "2": GOOD, "bad": Model(errors=0.6)}
    at = World(BRISK, models, rps=80.0)
    at.crash_before = crash_before
    at.apply("1")
    at.until("FirstRevision")
    at.rest(5)
    for version in versions:
        at.apply(version)
        for plan in at.run(15 if len(versions) > 1 else 130):
            if plan:
                evidence_is_exact(at)
            if at.state.stable == at.hash_of("2") or at.state.rejected:
                break
    at.rest(60)
    return at


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_before_any_write_changes_nothing_about_the_end(name: str) -> None:
    versions, reasons = SCENARIOS[name]
    smooth = scenario(versions)
    assert smooth.reasons == reasons
    assert len(smooth.notable) > 15
    for number in sorted(smooth.notable - {smooth.writes}):
        at = scenario(versions, crash_before=number)
        assert at.crashes == 1
        assert [reason for _, reason, _ in at.receipts()] == reasons, f"receipts after a crash before write {number}"
        assert at.state.decisions == len(reasons)
        assert at.state.stable == smooth.state.stable
        assert (at.state.rejected is None) == (smooth.state.rejected is None)
        assert at.weights() == smooth.weights()
        assert set(at.objects) == set(smooth.objects), f"orphans after a crash before write {number}"
        assert no_orphans(at)
        assert at.lost == 0


@pytest.mark.parametrize("seed", range(3))
def test_an_operator_that_crashes_all_the_time_gets_there_all_the_same(seed: int) -> None:
    random = Random(seed)
    at = World(careful(), {"1": GOOD, "2": GOOD})
    at.apply("1")
    for second in range(400):
        if second == 40:
            at.apply("2")
        at.crash_before = at.writes + random.randrange(4) if random.random() < 0.5 else None
        try:
            plan = at.look()
        except CrashError:
            plan = None
        else:
            evidence_is_exact(at)
        at.live(5 if plan else 1)
        if at.state.stable == at.hash_of("2"):
            break
    at.crash_before = None
    at.rest(200)
    assert at.state.stable == at.hash_of("2")
    assert [reason for _, reason, _ in at.receipts()] == SCENARIOS["promoted"][1]
    assert at.lost == 0
    assert no_orphans(at)
