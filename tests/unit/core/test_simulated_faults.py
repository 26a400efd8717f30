"""Restarts, crashes, losses and hands that meddle, in fake time: core.decide on the cluster of support.world."""

from datetime import timedelta
from itertools import count
from random import Random

import pytest

from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Shadow, Step
from leadsman.api.status import Phase
from support.simulated import GOOD, careful, no_orphans, world
from support.world import NAME, CrashError, Model, World


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
    assert at.policy
    at.rest(at.policy.keep_warm.total_seconds() + 10)  # until then it is still compared with its predecessor
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


def test_however_many_candidates_fail_what_served_before_can_be_returned_to() -> None:
    broken = {f"v{number}": Model(failure="the model has no outputs") for number in range(12)}
    at = world(policy=careful(keep_warm=timedelta(0)), models={"1": GOOD, "2": GOOD, **broken})
    for version in broken:
        at.apply(version)
        at.until("ModelFailed")
    at.apply("2")
    at.until("Promoted")
    at.rest(60)
    asked = at.ask("Undo")
    at.until("Undone")
    assert at.answer_to(asked).startswith("Accepted")
    assert at.weights() == {at.hash_of("1"): 100}
    records = [raw for (kind, _), raw in at.objects.items() if kind == "ModelRevision"]
    assert len(records) == 12, "what serves, what was undone, and the 10 of which was decided last"


def test_a_revision_that_nothing_is_decided_on_settles_however_many_there_were_before() -> None:
    versions = [str(number) for number in range(2, 15)]
    at = world(models={"1": GOOD, **dict.fromkeys(versions, GOOD)})
    for version in versions[:-1]:
        at.apply(version)
        at.until("RolloutStarted")
    at.apply("1")
    at.rest(400)
    at.policy = None
    last = at.apply(versions[-1])
    at.rest(60)
    writes = at.writes
    at.rest(600)
    assert at.writes == writes
    assert ("ModelRevision", f"{NAME}-{last}") in at.objects


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
    for _ in range(3):
        at.look()
        at.live(5)
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
        ["2", "1"],
        ["RolloutStarted", "FirstRevision", "RolloutStarted", "StepStarted", "Superseded"],
    ),
}
BRISK = careful(keep_warm=timedelta(seconds=40))
COPIES = Step(shadow=Shadow(), min_duration=timedelta(seconds=10), max_duration=timedelta(minutes=5))
SHADOWED = BRISK.model_copy(update={"steps": (COPIES, BRISK.steps[-1])})


def decided_and_not_written(policy: RolloutPolicySpec) -> World:
    """A cluster whose operator has ended with the first step of version 2 committed, and its route not written."""
    for number in count():
        at = world(policy=policy)
        at.apply("2")
        at.crash_before = at.writes + number
        for _ in at.run(600):
            if at.state.phase is Phase.CANARY:
                break
        if at.weights() == {at.hash_of("1"): 100}:
            return at
    raise AssertionError


def test_a_step_lasts_as_long_as_it_should_although_nobody_was_there_to_write_its_route() -> None:
    lasts = timedelta(minutes=5)
    at = decided_and_not_written(careful(steps=(Step(weight=20, min_duration=lasts, max_duration=6 * lasts),)))
    at.live(600)
    split = [at.now for _ in at.run(600) if len(at.weights()) == 2]
    assert split[-1] - split[0] >= lasts.total_seconds()
    assert at.reasons[-1] == "Promoted"


def scenario(versions: list[str], policy: RolloutPolicySpec, crash_before: int | None = None) -> World:
    """From nothing to the end, with a crash of the operator before one write."""
    models = {"1": GOOD, "2": GOOD, "bad": Model(errors=0.6)}
    at = World(policy, models, rps=80.0)
    at.crash_before = crash_before
    at.apply("1")
    at.until("FirstRevision")
    at.rest(5)
    for version in versions:
        at.apply(version)
        for plan in at.run(20 if len(versions) > 1 else 140):
            if plan:
                evidence_is_exact(at)
            if at.state.stable == at.hash_of("2") or at.state.rejected:
                break
    at.rest(60)
    return at


@pytest.mark.parametrize("policy", [BRISK, SHADOWED], ids=["by weight", "by copies first"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_before_any_write_changes_nothing_about_the_end(name: str, policy: RolloutPolicySpec) -> None:
    versions, reasons = SCENARIOS[name]
    smooth = scenario(versions, policy)
    assert smooth.reasons == reasons
    assert len(smooth.notable) > 15
    for number in sorted(smooth.notable - {smooth.writes}):
        at = scenario(versions, policy, crash_before=number)
        assert at.crashes == 1
        assert [reason for _, reason, _ in at.receipts()] == reasons, f"receipts after a crash before write {number}"
        assert at.state.decisions == len(reasons)
        assert at.state.stable == smooth.state.stable
        assert (at.state.rejected is None) == (smooth.state.rejected is None)
        assert at.weights() == smooth.weights()
        assert at.copies() == {}
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
