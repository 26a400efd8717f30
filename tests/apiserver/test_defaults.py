"""What the API server fills in when a manifest leaves it out."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, Api, model, policy
from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.revision import revision_hash

pytestmark = pytest.mark.apiserver

MODEL_DEFAULTS = {
    "as many threads as the CPU limit allows": ("spec.runtime.threads", None),
    "the CPU provider": ("spec.runtime.executionProvider", "CPU"),
    "small requests": ("spec.runtime.resources.requests", {"cpu": "100m", "memory": "128Mi"}),
    "a memory limit": ("spec.runtime.resources.limits", {"memory": "1Gi"}),
    "batches of up to 64 rows": ("spec.runtime.batching", {"maxSize": 64, "maxDelay": "0s"}),
    "a minute for a request": ("spec.runtime.timeout", "1m"),
    "a thousand requests at once": ("spec.runtime.maxInFlight", 1000),
    "requests of 64 MiB": ("spec.runtime.maxBodySize", "64Mi"),
    "no request refused for its values": ("spec.runtime.schemaViolations", "Count"),
    "no access log": ("spec.runtime.accessLog", False),
    "no variables": ("spec.runtime.env", []),
    "one replica": ("spec.scaling.minReplicas", 1),
    "no gateway": ("spec.traffic.gateway", None),
    "no policy by name": ("spec.rolloutPolicy", None),
    "no digest": ("spec.model.digest", None),
    "a status that speaks of no generation yet": ("status", {"observedGeneration": -1}),
}
POLICY_DEFAULTS = {
    "one false rollback in a hundred": ("spec.falseRollbackRate", 0.01),
    "three steps": (
        "spec.steps",
        [{"weight": weight, "minDuration": "1m", "maxDuration": "30m", "until": "Evidence"} for weight in (5, 25, 50)],
    ),
    "errors and latency are compared": (
        "spec.checks",
        [{"errorRate": {"tolerate": 0.02}}, {"latency": {"tolerateRatio": 1.2}}],
    ),
    "hold when nothing is shown": ("spec.onInconclusive", "Hold"),
    "ten minutes to become ready": ("spec.progressDeadline", "10m"),
    "half an hour of warmth": ("spec.keepWarm", "30m"),
}


def field(of: Mapping[str, Any], path: str) -> object:
    return reduce(lambda node, key: (node or {}).get(key), path.split("."), of)  # type: ignore[arg-type, return-value]


@pytest.fixture(scope="session")
def filled_model(api: Api, new_namespace: Any) -> dict[str, Any]:
    """The least ModelDeployment that there is, as the API server stores it."""
    namespace = new_namespace()
    least = model(namespace, model={"uri": "s3://models/1.onnx"}, traffic=None, rolloutPolicy=None)
    api.submit(least)
    return api.get(f"{LEADSMAN}/namespaces/{namespace}/modeldeployments/fraud")


@pytest.fixture(scope="session")
def filled_policy(api: Api, new_namespace: Any) -> dict[str, Any]:
    """A RolloutPolicy without a spec."""
    namespace = new_namespace()
    least = {key: value for key, value in policy(namespace).items() if key != "spec"}
    api.submit(least)
    return api.get(f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies/quick")


@pytest.mark.parametrize(("path", "value"), MODEL_DEFAULTS.values(), ids=MODEL_DEFAULTS)
def test_a_model_deployment_gets(filled_model: dict[str, Any], path: str, value: object) -> None:
    assert field(filled_model, path) == value


@pytest.mark.parametrize(("path", "value"), POLICY_DEFAULTS.values(), ids=POLICY_DEFAULTS)
def test_a_rollout_policy_gets(filled_policy: dict[str, Any], path: str, value: object) -> None:
    assert field(filled_policy, path) == value


def test_a_part_that_is_set_keeps_the_defaults_of_the_rest(api: Api, namespace: str) -> None:
    api.submit(policy(namespace, steps=[{"shadow": {}}, {"weight": 10}], checks=[{"errorRate": {}}]))
    stored = api.get(f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies/quick")["spec"]
    usual = {"minDuration": "1m", "maxDuration": "30m", "until": "Evidence"}
    assert stored["steps"] == [{"shadow": {"percent": 100}, **usual}, {"weight": 10, **usual}]
    assert stored["checks"] == [{"errorRate": {"tolerate": 0.02}}]


def test_the_default_filled_in_is_the_same_revision_as_the_default_left_out(api: Api, namespace: str) -> None:
    written = model(namespace)
    api.submit(written)
    stored = api.get(f"{LEADSMAN}/namespaces/{namespace}/modeldeployments/fraud")
    assert stored["spec"] != written["spec"]
    hashes = {revision_hash(ModelDeployment.model_validate(each).spec) for each in (written, stored)}
    assert len(hashes) == 1
