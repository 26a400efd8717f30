"""Who sets the number of pods, and in which order that changes hands."""

from typing import Any

import pytest

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.status import Capacity, RolloutState
from leadsman.core.autoscaler import HPA_KIND, SCALED_OBJECT_KIND, desired_autoscaler, handed_over
from leadsman.core.conditions import judge
from leadsman.core.desired import Action, child_actions
from leadsman.core.observed import Key
from leadsman.core.rollout import weights
from support.machine import canary, serving, warm
from support.objects import UID, model_deployment, model_revision, observed, pods

DIGEST = f"sha256:{'ab' * 32}"
OURS = {"ownerReferences": [{"uid": UID, "controller": True}]}
KEDA = {"keda": {"triggers": [{"type": "cron", "metadata": {}}]}}
RECORDS: dict[Key, dict[str, Any]] = {
    ("ModelRevision", f"fraud-{name}"): model_revision(name)
    | {"spec": {**model_revision(name)["spec"], "podTemplate": {"spec": {"initContainers": []}}, "digest": DIGEST}}
    for name in ("a", "b")
}
BY_US = [{"manager": "leadsman", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}}]
BY_AUTOSCALER = [
    {"manager": "leadsman", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}},
    {"manager": "kube", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
]


def auto(**scaling: Any) -> ModelDeployment:
    return model_deployment(scaling={"minReplicas": 2, "maxReplicas": 30, **scaling})


def live(revision: str, replicas: int, managers: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """A Deployment as the API server has it."""
    name = f"fraud-{revision}"
    metadata = {"name": name, "namespace": "payments", "resourceVersion": "7", "managedFields": managers, **OURS}
    labels = {"leadsman.dev/revision": revision}
    return {("Deployment", name): {"metadata": metadata | {"labels": labels}, "spec": {"replicas": replicas}}}


def scaled(
    deployment: ModelDeployment, state: RolloutState, found: dict[Key, dict[str, Any]], *, has_keda: bool = True
) -> list[tuple[str, int | None]]:
    """What is written about the number of pods, in order: the action, and the number or the floor that it names."""
    seen = observed(deployment, live=RECORDS | found, has_keda=has_keda)
    actions = child_actions(seen, state, weights(state), None)
    return [
        (f"{'apply' if one.body else 'delete'} {one.kind} {one.name} {one.subresource}".rstrip(), number(one))
        for one in actions
        if one.kind in ("Deployment", HPA_KIND, SCALED_OBJECT_KIND)
    ]


def number(action: Action) -> int | None:
    spec = (action.body or {}).get("spec", {})
    found: int | None = spec.get("replicas", spec.get("minReplicas", spec.get("minReplicaCount")))
    return found


def autoscaler(deployment: ModelDeployment, revision: str, least: int) -> dict[Key, dict[str, Any]]:
    """A live autoscaler."""
    body = desired_autoscaler(deployment, revision, least)
    return {(body["kind"], body["metadata"]["name"]): body}


TEN = {"capacity": Capacity(replicas=10)}
CASES: dict[str, tuple[ModelDeployment, RolloutState, dict[Key, dict[str, Any]], list[tuple[str, int | None]]]] = {
    "a Deployment begins with its floor, so that it need not wait for its autoscaler": (
        auto(),
        canary(1).model_copy(update=TEN),
        live("a", 10, BY_AUTOSCALER),
        [
            ("apply Deployment fraud-a", None),
            ("apply Deployment fraud-b", 10),
            (f"apply {HPA_KIND} fraud-a", 10),
            (f"apply {HPA_KIND} fraud-b", 10),
        ],
    ),
    "a number that we have applied is handed over before it is let go": (
        auto(),
        serving(),
        live("a", 4, BY_US),
        [("apply Deployment fraud-a scale", 4), ("apply Deployment fraud-a", None), (f"apply {HPA_KIND} fraud-a", 2)],
    ),
    "an autoscaler goes before the number is fixed again": (
        model_deployment(scaling={"minReplicas": 3}),
        serving(),
        live("a", 9, BY_AUTOSCALER) | autoscaler(auto(), "a", 2),
        [(f"delete {HPA_KIND} fraud-a", None), ("apply Deployment fraud-a", 3)],
    ),
    "one kind of autoscaler goes before the other comes, which KEDA refuses otherwise": (
        auto(**KEDA),
        serving(),
        live("a", 9, BY_AUTOSCALER) | autoscaler(auto(), "a", 2),
        [
            (f"delete {HPA_KIND} fraud-a", None),
            ("apply Deployment fraud-a", None),
            (f"apply {SCALED_OBJECT_KIND} fraud-a", 2),
        ],
    ),
    "the autoscaler of a revision that is gone goes with it": (
        auto(),
        serving(),
        live("a", 9, BY_AUTOSCALER)
        | live("z", 4, BY_AUTOSCALER)
        | autoscaler(auto(), "a", 2)
        | autoscaler(auto(), "z", 2),
        [
            (f"delete {HPA_KIND} fraud-z", None),
            ("apply Deployment fraud-a", None),
            ("delete Deployment fraud-z", None),
        ],
    ),
    "the previous revision is kept for all of the requests": (
        auto(),
        serving(retiring=(warm("b").model_copy(update={"replicas": 8}),)),
        live("a", 9, BY_AUTOSCALER) | autoscaler(auto(), "a", 2) | live("b", 9, BY_AUTOSCALER),
        [
            ("apply Deployment fraud-a", None),
            ("apply Deployment fraud-b", None),
            (f"apply {HPA_KIND} fraud-b", 8),
        ],
    ),
}


@pytest.mark.parametrize(("deployment", "state", "found", "written"), CASES.values(), ids=CASES)
def test_the_number_of_pods(
    deployment: ModelDeployment,
    state: RolloutState,
    found: dict[Key, dict[str, Any]],
    written: list[tuple[str, int | None]],
) -> None:
    assert scaled(deployment, state, found) == written


def test_without_keda_no_pod_goes_and_pods_come_only_as_a_rollout_needs_them() -> None:
    found = live("a", 9, BY_AUTOSCALER)
    assert scaled(auto(**KEDA), serving(), found, has_keda=False) == [("apply Deployment fraud-a", 9)]
    begun = canary(1).model_copy(update=TEN)
    assert scaled(auto(**KEDA), begun, found, has_keda=False) == [
        ("apply Deployment fraud-a", 10),
        ("apply Deployment fraud-b", 10),
    ]


def test_without_keda_the_condition_says_what_to_do() -> None:
    live_service: dict[Key, dict[str, Any]] = {
        ("Service", "fraud"): {"spec": {"selector": {"leadsman.dev/revision": "a"}}}
    }
    for has_keda in (True, False):
        seen = observed(auto(**KEDA), live=live_service, pods=pods(a=2), has_keda=has_keda)
        found = judge(seen, serving(), "a")
        assert found.ready is has_keda
        assert found.stalled is not has_keda
        assert ("install it, or scale by targetCPU" in found.message) is not has_keda


def test_what_was_never_applied_needs_no_handover() -> None:
    for managers in ([], BY_AUTOSCALER):
        assert handed_over(live("a", 4, managers)["Deployment", "fraud-a"]) is None
