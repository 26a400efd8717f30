"""The objects that run one revision: a Deployment, its budget for drains, and the Service that its weight points to."""

from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.names import (
    GRPC_PORT,
    GRPC_SERVICE_PORT,
    HTTP_PORT,
    HTTP_SERVICE_PORT,
    child_name,
    model_labels,
    revision_labels,
)
from leadsman.core.owner import owner_references

DISRUPTION_BUDGET_KIND = "PodDisruptionBudget"


def desired_deployment(
    deployment: ModelDeployment, revision: str, template: dict[str, Any], replicas: int | None
) -> dict[str, Any]:
    """The Deployment of a revision. Its template is pinned in the ModelRevision, so it never restarts by itself.

    Without a number of `replicas` it keeps those that somebody else has given it.
    """
    name = deployment.metadata.name
    number = {} if replicas is None else {"replicas": replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(deployment, child_name(name, revision), revision_labels(name, revision)),
        "spec": {
            **number,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": revision_labels(name, revision)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    }


def desired_disruption_budget(deployment: ModelDeployment, revision: str) -> dict[str, Any]:
    """How many pods of a revision a drain may take at once: a quarter, or one if that is less than one."""
    name = deployment.metadata.name
    labels = revision_labels(name, revision)
    return {
        "apiVersion": "policy/v1",
        "kind": DISRUPTION_BUDGET_KIND,
        "metadata": _metadata(deployment, child_name(name, revision), labels),
        "spec": {
            # Kubernetes rounds it up.
            "maxUnavailable": "25%",
            "selector": {"matchLabels": labels},
            # A pod that serves nobody holds up no drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def desired_revision_service(deployment: ModelDeployment, revision: str) -> dict[str, Any]:
    """The Service of one revision; the route's weights point to it."""
    name = deployment.metadata.name
    labels = revision_labels(name, revision)
    return _service(deployment, _metadata(deployment, child_name(name, revision), labels), labels)


def desired_stable_service(deployment: ModelDeployment, stable: str) -> dict[str, Any]:
    """The Service that always selects the stable revision. Its name never changes."""
    name = deployment.metadata.name
    return _service(deployment, _metadata(deployment, name, model_labels(name)), revision_labels(name, stable))


def _service(deployment: ModelDeployment, metadata: dict[str, Any], selector: dict[str, str]) -> dict[str, Any]:
    ports = [_port("http", HTTP_SERVICE_PORT, HTTP_PORT, "http")]
    if deployment.spec.traffic.grpc:
        ports.append(_port("grpc", GRPC_SERVICE_PORT, GRPC_PORT, "kubernetes.io/h2c"))
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": selector, "ports": ports}}


def _port(name: str, port: int, target: int, protocol: str) -> dict[str, Any]:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP", "appProtocol": protocol}


def _metadata(deployment: ModelDeployment, name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": deployment.metadata.namespace,
        "labels": labels,
        "ownerReferences": owner_references(deployment),
    }
