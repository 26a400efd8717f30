"""Which objects are written and deleted, and in which order."""

from datetime import timedelta
from typing import Any

from leadsman.api.status import Mode, ModelDeploymentStatus, RolloutState
from leadsman.core.desired import child_actions, record_actions
from leadsman.core.observed import Key, Observed
from leadsman.core.retention import LATEST
from leadsman.core.revision import revision_hash
from leadsman.core.rollout import mirror, weights
from support.machine import canary, preparing, rolled_back, serving, shadow, warm
from support.objects import GATEWAY, UID, built_route, model_deployment, model_revision, observed

DIGEST = f"sha256:{'ab' * 32}"
OURS = {"ownerReferences": [{"uid": UID, "controller": True}]}
RECORDS: dict[Key, dict[str, Any]] = {
    ("ModelRevision", f"fraud-{name}"): model_revision(name)
    | {"spec": {**model_revision(name)["spec"], "podTemplate": {"spec": {"initContainers": []}}, "digest": DIGEST}}
    for name in ("a", "b")
}
FRAUD = model_deployment(traffic=GATEWAY)


def acts(found: Observed, state: RolloutState) -> list[str]:
    """What is written, in order."""
    return [
        f"{'apply' if action.body else 'delete'} {action.kind} {action.name}"
        for action in child_actions(found, state, weights(state), mirror(state))
    ]


def test_traffic_moves_before_pods_go_and_deletions_come_last() -> None:
    gone = {("Deployment", "fraud-z"): {"metadata": OURS}, ("Service", "fraud-z"): {"metadata": OURS}}
    assert acts(observed(FRAUD, live=RECORDS | gone), canary()) == [
        "apply Service fraud-a",
        "apply Service fraud-b",
        "apply Service fraud",
        "apply HTTPRoute fraud",
        "apply Deployment fraud-a",
        "apply Deployment fraud-b",
        "apply ModelRevision fraud-a",
        "apply ModelRevision fraud-b",
        "delete Deployment fraud-z",
        "delete Service fraud-z",
    ]


SERVICES: dict[Key, dict[str, Any]] = {("Service", f"fraud-{name}"): {"metadata": OURS} for name in ("a", "b")}


def routed(state: RolloutState) -> dict[Key, dict[str, Any]]:
    """The live HTTPRoute as a state wants it."""
    return {("HTTPRoute", "fraud"): built_route(FRAUD, weights(state), mirror(state))}


def test_copies_end_before_anything_else_is_done() -> None:
    for ended in (serving(retiring=(warm("b"),)), rolled_back(), canary()):
        live = RECORDS | SERVICES | routed(shadow())
        assert acts(observed(FRAUD, live=live), ended)[0] == "apply HTTPRoute fraud"


def test_a_service_is_there_before_requests_are_copied_to_it() -> None:
    stable = {key: raw for key, raw in SERVICES.items() if key[1] == "fraud-a"}
    written = acts(observed(FRAUD, live=RECORDS | stable | routed(serving())), shadow())
    assert written.index("apply Service fraud-b") < written.index("apply HTTPRoute fraud")


def test_a_route_that_is_as_wanted_is_not_written() -> None:
    for state in (serving(), canary(), shadow()):
        assert "apply HTTPRoute fraud" not in acts(observed(FRAUD, live=RECORDS | routed(state)), state)


def test_a_copy_that_somebody_else_put_into_the_route_is_taken_out() -> None:
    live = RECORDS | routed(serving())
    [rule] = live["HTTPRoute", "fraud"]["spec"]["rules"]
    rule["filters"] = [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "fraud-b", "port": 80}}}]
    assert "apply HTTPRoute fraud" in acts(observed(FRAUD, live=live), serving())


def test_before_anything_is_stable_there_is_neither_a_route_nor_the_stable_service() -> None:
    assert acts(observed(FRAUD, live=RECORDS), preparing(stable=None))[:2] == [
        "apply Service fraud-b",
        "apply Deployment fraud-b",
    ]


def test_a_candidate_whose_proved_digest_was_deleted_with_its_record_gets_no_pods() -> None:
    born_again = RECORDS | {("ModelRevision", "fraud-b"): model_revision("b")}
    assert "apply Deployment fraud-b" not in acts(observed(FRAUD, live=born_again), canary())
    assert "apply Deployment fraud-b" in acts(observed(FRAUD, live=born_again), serving("b")), "what serves goes on"
    there = born_again | {("Deployment", "fraud-b"): {"metadata": OURS}}
    assert "delete Deployment fraud-b" not in acts(observed(FRAUD, live=there), canary())


def test_stable_born_again_keeps_what_its_pods_insist_on_and_else_what_the_status_knows() -> None:
    """Pods that an earlier Leadsman made insist on nothing, and are not restarted for it."""
    revision = revision_hash(FRAUD.spec)
    status = ModelDeploymentStatus(rollout=serving(revision), stable_digest=DIGEST)
    at = model_deployment(traffic=GATEWAY, status=status)
    old: dict[Key, dict[str, Any]] = {("Deployment", f"fraud-{revision}"): {"metadata": OURS}}
    for live, expected in ((old, None), ({}, DIGEST)):
        [action] = record_actions(observed(at, live=live), revision, "serving:1", serving(revision))
        assert action.body is not None
        assert action.body["spec"].get("digest") == expected


def test_a_revision_that_is_just_being_recorded_gets_its_deployment_in_the_next_pass() -> None:
    assert "apply Deployment fraud-b" not in acts(observed(FRAUD), preparing())


def test_a_drain_is_held_to_a_budget_where_there_may_be_several_pods() -> None:
    budgets = {"apply PodDisruptionBudget fraud-a", "apply PodDisruptionBudget fraud-b"}
    for scaling, found in (({}, set()), ({"minReplicas": 2}, budgets), ({"maxReplicas": 2}, budgets)):
        written = acts(observed(model_deployment(traffic=GATEWAY, scaling=scaling), live=RECORDS), canary())
        assert {act for act in written if "Budget" in act} == found


def test_a_route_goes_when_the_gateway_goes() -> None:
    live = RECORDS | {("HTTPRoute", "fraud"): {"metadata": OURS}}
    assert "delete HTTPRoute fraud" in acts(observed(model_deployment(), live=live), serving())


def test_what_is_not_owned_by_this_very_object_is_not_deleted() -> None:
    strangers: dict[Key, dict[str, Any]] = {
        ("Service", "exposed"): {"metadata": {}},
        ("Service", "other"): {"metadata": {"ownerReferences": [{"uid": "another"}]}},
        ("Service", "bare"): {},
    }
    assert not [act for act in acts(observed(FRAUD, live=RECORDS | strangers), serving()) if act.startswith("delete")]


def test_what_serves_keeps_its_deployment_though_its_record_is_gone() -> None:
    live: dict[Key, dict[str, Any]] = {("Deployment", f"fraud-{name}"): {"metadata": OURS} for name in ("a", "b", "z")}
    deleted = [act for act in acts(observed(FRAUD, live=live), serving(retiring=(warm("b"),))) if "delete" in act]
    assert deleted == ["delete Deployment fraud-z"]


def test_only_so_many_retired_records_are_kept_and_the_oldest_go_first() -> None:
    live = {
        ("ModelRevision", f"fraud-r{number}"): model_revision(f"r{number}", born=timedelta(hours=number))
        for number in range(LATEST + 5)
    }
    for raw in live.values():
        raw["metadata"] |= OURS
    # r0 serves and r1 is rejected: however old, they stay.
    state = rolled_back("r0").model_copy(update={"retiring": ()})
    assert state.rejected is not None
    state = state.model_copy(update={"rejected": state.rejected.model_copy(update={"revision": "r1"})})
    deleted = [act for act in acts(observed(FRAUD, live=live), state) if act.startswith("delete ModelRevision")]
    assert deleted == [f"delete ModelRevision fraud-r{number}" for number in (2, 3, 4)]


def test_a_record_that_exists_is_not_written_again_whatever_the_image() -> None:
    assert record_actions(observed(FRAUD, live=RECORDS), "a", "serving:2", serving()) == []
    born = revision_hash(FRAUD.spec)
    (action,) = record_actions(observed(FRAUD, live=RECORDS), born, "serving:2", serving())
    assert action.body is not None
    assert action.body["spec"]["podTemplate"]["spec"]["containers"][0]["image"] == "serving:2"


def test_a_record_whose_name_is_not_its_revisions_is_left_alone() -> None:
    copied = RECORDS | {("ModelRevision", "my-copy"): model_revision("c") | {"metadata": {"name": "my-copy"}}}
    assert "my-copy" not in " ".join(acts(observed(FRAUD, live=copied), serving()))


def test_the_mode_is_by_gateway_only_if_there_is_one_and_the_cluster_knows_them() -> None:
    assert observed(FRAUD).mode is Mode.GATEWAY
    assert observed(FRAUD, has_gateway_api=False).mode is Mode.SERVICE
    assert observed(model_deployment()).mode is Mode.SERVICE
