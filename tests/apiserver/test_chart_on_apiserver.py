"""The API server takes what the chart and the operator make, and pods where only restricted ones are allowed."""

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.kubeapi import Api, model, policy
from apiserver.pilot import pilot
from apiserver.world import World
from support.helm import objects

pytestmark = pytest.mark.apiserver

PATHS = {"Deployment": "apis/apps/v1/namespaces/{}/deployments", "Service": "api/v1/namespaces/{}/services"}


@pytest.fixture(scope="session")
def restricted(api: Api, new_namespace: Callable[[], str]) -> str:
    """A namespace that refuses every pod that is not restricted."""
    name = new_namespace()
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch(f"api/v1/namespaces/{name}", {"metadata": {"labels": label}})
    return name


def pod(template: dict[str, Any], namespace: str) -> dict[str, Any]:
    spec = {**template["spec"], "serviceAccountName": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "namespace": namespace}, "spec": spec}


@pytest.mark.parametrize("kind", PATHS)
def test_the_chart_s_objects_are_taken_without_a_word(api: Api, restricted: str, kind: str) -> None:
    [item] = [item for item in objects(namespace=restricted) if item["kind"] == kind]
    assert api.refusal(PATHS[kind].format(restricted), item, fieldValidation="Strict") == ""


def test_the_operator_s_pod_is_restricted(api: Api, restricted: str) -> None:
    [deployment] = [item for item in objects(namespace=restricted) if item["kind"] == "Deployment"]
    assert api.refusal(f"api/v1/namespaces/{restricted}/pods", pod(deployment["spec"]["template"], restricted)) == ""


@pytest.mark.parametrize("uri", ["s3://models/1.onnx", "pvc://claim/1.onnx"])
async def test_a_serving_pod_is_restricted(world: World, restricted: str, uri: str) -> None:
    wanted = model(world.namespace, model={"uri": uri, "version": "1", "secretName": "store"})
    world.api.submit(policy(world.namespace), wanted)
    async with pilot(world) as it:
        await it.run(until=lambda it: it.serves("1"))
    [deployment] = world.api.items(f"apis/apps/v1/namespaces/{world.namespace}/deployments")
    refusal = world.api.refusal(f"api/v1/namespaces/{restricted}/pods", pod(deployment["spec"]["template"], restricted))
    assert refusal == ""


def test_a_pod_that_is_not_restricted_would_have_been_refused(api: Api, restricted: str) -> None:
    plain = {"spec": {"containers": [{"name": "server", "image": "x"}]}}
    assert "violates PodSecurity" in api.refusal(f"api/v1/namespaces/{restricted}/pods", pod(plain, restricted))
