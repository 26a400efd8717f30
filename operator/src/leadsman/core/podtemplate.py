"""The pod template of a revision. It is built once, when the revision is born, and pinned in its ModelRevision."""

from typing import Any
from urllib.parse import urlsplit

from leadsman.api.modeldeployment import ModelSource, Runtime
from leadsman.core.names import (
    FETCH_CONTAINER,
    HTTP_PORT,
    METRICS_PORT,
    MODEL_DIR,
    PVC_ROOT,
    SERVER_CONTAINER,
    revision_labels,
)

_DRAIN_SECONDS = 10
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_template(model: str, revision: str, source: ModelSource, runtime: Runtime, image: str) -> dict[str, Any]:
    """One fetching init container, one server: non-root, read-only, without capabilities or an API token."""
    claim = _claim(source.uri)
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 3 * _DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_fetch_container(source, runtime, image, claim)],
        "containers": [_server_container(model, revision, source, runtime, image)],
        "volumes": _volumes(claim),
    }
    if runtime.service_account_name:
        spec["serviceAccountName"] = runtime.service_account_name
        # Workload identity needs the projected token.
        spec["automountServiceAccountToken"] = True
    return {"metadata": {"labels": revision_labels(model, revision)}, "spec": spec}


def _fetch_container(source: ModelSource, runtime: Runtime, image: str, claim: str | None) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": FETCH_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["fetch", source.uri, MODEL_DIR, *(["--digest", source.digest] if source.digest else [])],
        "resources": runtime.resources.model_dump(mode="json"),
        "securityContext": _RESTRICTED,
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *([{"name": "claim", "mountPath": f"{PVC_ROOT}/{claim}", "readOnly": True}] if claim else []),
        ],
    }
    if source.secret_name:
        container["envFrom"] = [{"secretRef": {"name": source.secret_name}}]
    return container


def _server_container(model: str, revision: str, source: ModelSource, runtime: Runtime, image: str) -> dict[str, Any]:
    arguments = {
        "--name": model,
        "--version": source.version or revision,
        "--revision": revision,
        "--port": str(HTTP_PORT),
        "--metrics-port": str(METRICS_PORT),
        "--drain-delay": str(_DRAIN_SECONDS),
    }
    if runtime.threads is not None:
        arguments["--threads"] = str(runtime.threads)
    return {
        "name": SERVER_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", MODEL_DIR, *(word for pair in arguments.items() for word in pair)],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": runtime.resources.model_dump(mode="json"),
        "securityContext": _RESTRICTED,
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_DIR, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
        ],
        "startupProbe": _probe("live", period=1, failures=300),
        "readinessProbe": _probe("ready", period=2, failures=2),
        "livenessProbe": _probe("live", period=10, failures=3),
    }


def _probe(endpoint: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": f"/v2/health/{endpoint}", "port": "http"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 2,
    }


def _claim(uri: str) -> str | None:
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme == "pvc" else None


def _volumes(claim: str | None) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": "model", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    if claim:
        volumes.append({"name": "claim", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    return volumes
