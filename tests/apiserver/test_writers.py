"""Who may write what: the status subresource, field managers, and writes that are based on something old."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes.aio import client, config
from prometheus_client import CollectorRegistry

from apiserver.kubeapi import LEADSMAN, Api, ApiError, model
from leadsman.api.metadata import ObjectMeta
from leadsman.core.desired import Action
from leadsman.core.names import model_labels
from leadsman.core.observed import Observed
from leadsman.core.workload import desired_stable_service
from leadsman.shell.kube import MODEL_DEPLOYMENT, SERVICE, KubeClient, KubeError, TakenError
from leadsman.shell.telemetry import Metrics
from leadsman.shell.writer import Writer
from support.objects import UID, model_deployment, observed

pytestmark = pytest.mark.apiserver

CONDITION = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-11-21T00:00:00Z",
    "reason": "Serving",
    "message": "",
}


@pytest.fixture
async def kube(api: Api) -> AsyncIterator[KubeClient]:
    """The operator's own client."""
    configuration = client.Configuration()
    await config.load_kube_config(str(api.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as connection:
        yield KubeClient(connection)


@pytest.fixture
def path(api: Api, namespace: str) -> str:
    """A ModelDeployment."""
    api.submit(model(namespace))
    return f"{LEADSMAN}/namespaces/{namespace}/modeldeployments/fraud"


def service(namespace: str, port: int = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "fraud", "namespace": namespace},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port, "protocol": "TCP"}], "clusterIP": "None"},
    }


def status_of(stored: dict[str, Any], weight: int = 5) -> dict[str, Any]:
    metadata = stored["metadata"]
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {key: metadata[key] for key in ("name", "namespace", "resourceVersion")},
        "status": {"observedGeneration": 1, "weight": weight, "conditions": [CONDITION]},
    }


def test_who_writes_the_spec_cannot_write_the_status(api: Api, path: str) -> None:
    changed = api.patch(path, {"spec": {"scaling": {"minReplicas": 2}}, "status": {"observedGeneration": 7}})
    assert changed["status"] == {"observedGeneration": -1}
    assert changed["metadata"]["generation"] == 2


def test_who_writes_the_status_cannot_write_the_spec(api: Api, path: str) -> None:
    changed = api.patch(
        f"{path}/status", {"spec": {"scaling": {"minReplicas": 9}}, "status": {"observedGeneration": 1}}
    )
    assert changed["spec"]["scaling"]["minReplicas"] == 1
    assert changed["status"]["observedGeneration"] == 1
    assert changed["metadata"]["generation"] == 1


def test_a_manifest_that_carries_a_status_does_not_make_one(api: Api, namespace: str) -> None:
    stored = api.create(
        f"{LEADSMAN}/namespaces/{namespace}/modeldeployments",
        model(namespace) | {"status": {"observedGeneration": 1, "rollout": {"stable": "forged"}}},
    )
    assert stored["status"] == {"observedGeneration": -1}


async def test_a_status_based_on_an_old_object_is_refused(api: Api, kube: KubeClient, path: str) -> None:
    old = api.get(path)
    api.patch(path, {"spec": {"scaling": {"minReplicas": 2}}})
    with pytest.raises(KubeError) as refused:
        await kube.apply(MODEL_DEPLOYMENT, status_of(old), "status")
    assert refused.value.status == 409
    assert refused.value.retryable
    await kube.apply(MODEL_DEPLOYMENT, status_of(api.get(path)), "status")


async def test_what_is_no_longer_in_the_status_goes(api: Api, kube: KubeClient, path: str) -> None:
    stored = await kube.apply(MODEL_DEPLOYMENT, status_of(api.get(path)), "status")
    body = status_of(stored)
    body["status"] = {"observedGeneration": 1}
    after = await kube.apply(MODEL_DEPLOYMENT, body, "status")
    assert after["status"] == {"observedGeneration": 1}


async def test_the_same_apply_again_writes_nothing(api: Api, kube: KubeClient, namespace: str) -> None:
    first = await kube.apply(SERVICE, service(namespace))
    second = await kube.apply(SERVICE, service(namespace))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_children_carry_the_field_manager_and_fields_of_others_stay(
    api: Api, kube: KubeClient, namespace: str
) -> None:
    await kube.apply(SERVICE, service(namespace))
    other = service(namespace)
    other["metadata"]["annotations"] = {"mesh.example.com/inject": "true"}
    del other["spec"]
    api.apply(f"api/v1/namespaces/{namespace}/services/fraud", other, manager="mesh")
    after = await kube.apply(SERVICE, service(namespace))
    assert after["metadata"]["annotations"] == {"mesh.example.com/inject": "true"}
    assert {entry["manager"] for entry in after["metadata"]["managedFields"]} == {"leadsman", "mesh"}


async def test_somebody_else_gets_a_conflict_over_our_fields_and_we_take_ours_back(
    api: Api, kube: KubeClient, namespace: str
) -> None:
    path = f"api/v1/namespaces/{namespace}/services/fraud"
    await kube.apply(SERVICE, service(namespace, 8080))
    with pytest.raises(ApiError, match='conflict with "leadsman"') as refused:
        api.apply(path, service(namespace, 9090), manager="somebody")
    assert refused.value.status == 409
    api.apply(path, service(namespace, 9090), manager="somebody", force="true")
    after = await kube.apply(SERVICE, service(namespace, 8080))
    assert after["spec"]["ports"][0]["targetPort"] == 8080


def the_models_own(namespace: str, uid: str = UID) -> tuple[Observed, Action]:
    """A model of which nothing was seen, and its Service as it is to be."""
    metadata = ObjectMeta(name="fraud", namespace=namespace, uid=uid, generation=1)
    deployment = model_deployment().model_copy(update={"metadata": metadata})
    return observed(deployment), Action("Service", "fraud", desired_stable_service(deployment, "a"))


async def test_a_service_of_somebody_else_is_not_taken_over_though_no_field_conflicts(
    api: Api, kube: KubeClient, namespace: str
) -> None:
    path = f"api/v1/namespaces/{namespace}/services"
    # Its endpoints are kept by hand, so no selector of it conflicts with ours.
    before = api.create(path, {"metadata": {"name": "fraud"}, "spec": {"ports": [{"name": "web", "port": 8080}]}})
    seen, action = the_models_own(namespace)
    with pytest.raises(TakenError, match="Service fraud is there already and is somebody else's; rename or delete it"):
        await Writer(kube, Metrics(CollectorRegistry()), seen).act([action])
    assert api.get(f"{path}/fraud") == before


async def test_what_was_made_for_another_model_of_the_name_is_not_taken_over(
    api: Api, kube: KubeClient, namespace: str
) -> None:
    seen, action = the_models_own(namespace, uid="gone")
    await Writer(kube, Metrics(CollectorRegistry()), seen).act([action])
    seen, action = the_models_own(namespace)
    with pytest.raises(TakenError):
        await Writer(kube, Metrics(CollectorRegistry()), seen).act([action])


async def test_our_own_that_was_not_seen_is_put_right(api: Api, kube: KubeClient, namespace: str) -> None:
    # As after a create whose answer was lost, or when somebody took its labels away.
    path = f"api/v1/namespaces/{namespace}/services/fraud"
    seen, action = the_models_own(namespace)
    await Writer(kube, Metrics(CollectorRegistry()), seen).act([action])
    api.patch(path, {"metadata": {"labels": None}, "spec": {"selector": {"leadsman.dev/revision": "b"}}})
    await Writer(kube, Metrics(CollectorRegistry()), seen).act([action])
    assert api.get(path)["metadata"]["labels"] == model_labels("fraud")
    assert api.get(path)["spec"]["selector"]["leadsman.dev/revision"] == "a"
