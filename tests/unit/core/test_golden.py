"""The objects that Leadsman builds, as committed in tests/golden/. A changed pod template would restart every model
that is born after; one that is there already keeps the template that its ModelRevision pins.
"""

from typing import Any

import pytest

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.podtemplate import pod_template
from leadsman.core.revision import Role, desired_revision, new_revision, revision_hash
from leadsman.core.rollout import Mirror
from leadsman.core.route import desired_route
from leadsman.core.workload import desired_deployment, desired_revision_service, desired_stable_service
from support.golden import check_golden
from support.objects import GATEWAY, model_deployment

IMAGE = "leadsman-serving:0.1.0"

DEPLOYMENTS: dict[str, ModelDeployment] = {
    "https": model_deployment(),
    "s3-with-secret": model_deployment(
        model={
            "uri": "s3://models/fraud/2026.onnx",
            "digest": f"sha256:{'0123456789abcdef' * 4}",
            "version": "2026.11.20",
            "secretName": "store",
        },
        runtime={"threads": 4, "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": 4, "memory": "8Gi"}}},
    ),
    "pvc": model_deployment(model={"uri": "pvc://models/fraud/2026.onnx"}, runtime={"serviceAccountName": "fraud"}),
}
FRAUD = model_deployment(scaling={"minReplicas": 2}, traffic={**GATEWAY, "hostnames": ["fraud.example.com"]})


def template(deployment: ModelDeployment) -> dict[str, Any]:
    """The pod template of the revision that a deployment describes."""
    spec = deployment.spec
    return pod_template(deployment.metadata.name, revision_hash(spec), spec.model, spec.runtime, IMAGE)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pod_template(name: str, update_golden: bool) -> None:
    check_golden(f"pod-template-{name}", template(DEPLOYMENTS[name]), update=update_golden)


def test_deployment(update_golden: bool) -> None:
    revision = revision_hash(FRAUD.spec)
    check_golden("deployment", desired_deployment(FRAUD, revision, template(FRAUD), 2), update=update_golden)


def test_services(update_golden: bool) -> None:
    revision = revision_hash(FRAUD.spec)
    built = [desired_revision_service(FRAUD, revision), desired_stable_service(FRAUD, revision)]
    check_golden("services", built, update=update_golden)


def test_route(update_golden: bool) -> None:
    gateway = FRAUD.spec.traffic.gateway
    assert gateway is not None
    built = desired_route(FRAUD, gateway, {"bcdfghjk": 95, revision_hash(FRAUD.spec): 5})
    check_golden("httproute", built, update=update_golden)


def test_route_in_a_shadow_step(update_golden: bool) -> None:
    gateway = FRAUD.spec.traffic.gateway
    assert gateway is not None
    built = desired_route(FRAUD, gateway, {"bcdfghjk": 100}, Mirror(revision_hash(FRAUD.spec), 20))
    check_golden("httproute-shadow", built, update=update_golden)


def test_model_revision(update_golden: bool) -> None:
    deployment = DEPLOYMENTS["s3-with-secret"]
    revision = revision_hash(deployment.spec)
    spec = new_revision(deployment, revision, IMAGE).model_dump(mode="json", by_alias=True, exclude_none=True)
    built = desired_revision(deployment, revision, spec, Role.CANDIDATE)
    check_golden("modelrevision", built, update=update_golden)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_keep_to_the_restricted_profile(name: str) -> None:
    spec = template(DEPLOYMENTS[name])["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] == ("serviceAccountName" in spec)
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
