"""What rollouts promise, on a real cluster: real pods, a real gateway, the operator as the chart runs it."""

from typing import Any

import pytest

from support import iris
from support.cluster import apply, eventually, get, kubectl
from support.iris import MODEL, route_weights, stable_version, status

pytestmark = pytest.mark.cluster


def policy(namespace: str) -> dict[str, Any]:
    return iris.policy(namespace, iris.step(10, "1s"), interval="1s")


def condition(namespace: str, kind: str) -> dict[str, Any] | None:
    found = status(namespace).get("conditions", [])
    return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)


def rollout(namespace: str) -> dict[str, Any]:
    return dict(status(namespace)["rollout"])


def model(namespace: str, store: str, version: str, **spec: Any) -> dict[str, Any]:
    return iris.model(namespace, iris.source(store, version), **spec)


def serve_first(namespace: str, store: str) -> None:
    apply(policy(namespace), model(namespace, store, "v1"))
    eventually("the first version is Ready", lambda: condition(namespace, "Ready"))


def start_canary(namespace: str, store: str) -> dict[str, Any]:
    """Nobody asks the model, so the second version stays at its first step."""
    serve_first(namespace, store)
    apply(model(namespace, store, "v2"))
    eventually("the second version gets 10 %", lambda: route_weights(namespace) == [90, 10])
    return rollout(namespace)


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        pytest.param("v1.onnx", {"digest": f"sha256:{'0' * 64}"}, "digest", id="the digest is another one"),
        pytest.param("broken.onnx", {}, "model.onnx", id="the file is no model"),
        pytest.param("missing.onnx", {}, "404", id="there is no such file"),
    ],
)
def test_a_model_that_cannot_be_served_says_why_and_never_has_a_serving_pod(
    namespace: str, store: str, file: str, source: dict[str, str], expected: str
) -> None:
    apply(policy(namespace), iris.model(namespace, {"uri": f"{store}/{file}", **source}))
    stalled = eventually("Stalled", lambda: condition(namespace, "Stalled"))
    assert stalled["reason"] == "PreflightFailed"
    assert expected in stalled["message"]
    assert "Traceback" not in stalled["message"]
    assert get("deployments", namespace)["items"] == []
    eventually("its Job's pod is gone", lambda: not get("pods", namespace)["items"])


def test_a_rollout_survives_the_operators_restart(namespace: str, store: str) -> None:
    before = start_canary(namespace, store)
    kubectl("-n", "leadsman-system", "delete", "pod", "-l", "app.kubernetes.io/name=leadsman", "--wait=false")
    kubectl("-n", "leadsman-system", "rollout", "status", "deployment/leadsman", "--timeout=120s")
    scraped = before["candidate"]["evidence"]["pods"]
    after = rollout(namespace)
    assert route_weights(namespace) == [90, 10]
    assert after["decisions"] == before["decisions"]
    assert after["candidate"]["stepStartedAt"] == before["candidate"]["stepStartedAt"]
    assert [pod["pod"] for pod in after["candidate"]["evidence"]["pods"]] == [pod["pod"] for pod in scraped]


def test_going_back_to_the_stable_spec_in_mid_rollout_is_no_rollout(namespace: str, store: str) -> None:
    start_canary(namespace, store)
    pods = {pod["metadata"]["uid"] for pod in get("pods", namespace)["items"]}
    apply(model(namespace, store, "v1"))
    eventually("stable has everything", lambda: route_weights(namespace) == [100])
    eventually("Ready", lambda: condition(namespace, "Ready"))
    outcomes = {
        revision["spec"]["model"]["version"]: revision["status"]["outcome"]
        for revision in get("mrev", namespace)["items"]
    }
    assert outcomes == {"v1": "Promoted", "v2": "Superseded"}
    assert {pod["metadata"]["uid"] for pod in get("pods", namespace)["items"]} <= pods


def test_without_a_gateway_traffic_is_switched_when_the_new_pods_are_ready(namespace: str, store: str) -> None:
    apply(policy(namespace), model(namespace, store, "v1", traffic={}))
    eventually("the first version is Ready", lambda: condition(namespace, "Ready"))
    apply(model(namespace, store, "v2", traffic={}))
    stable = stable_version(namespace, "v2")

    def selected() -> bool:
        selector = get("service", namespace, MODEL)["spec"]["selector"]
        return bool(selector["leadsman.dev/revision"] == stable)

    eventually("the Service selects version 2", selected)
    assert status(namespace)["mode"] == "Service"
    assert len(get("pods", namespace)["items"]) == 2, "version 1 is kept warm"


def test_deleting_a_model_takes_everything_with_it(namespace: str, store: str) -> None:
    serve_first(namespace, store)
    kubectl("-n", namespace, "delete", "mdep", MODEL, "--timeout=60s")
    kinds = "deployments,services,httproutes,mrev,pods"
    eventually("nothing is left", lambda: not get(kinds, namespace)["items"])


def test_the_operator_may_not_read_secrets(leadsman: None) -> None:
    account = "system:serviceaccount:leadsman-system:leadsman"
    rights = kubectl("auth", "can-i", "--list", "--as", account)
    assert "modeldeployments" in rights
    assert "secrets" not in rights
