"""The pod template of a revision. It is built once, when the revision is born, and pinned in its ModelRevision."""

from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from leadsman.api.modeldeployment import ModelSource
from leadsman.api.runtime import Runtime
from leadsman.core.names import (
    FETCH_CONTAINER,
    HTTP_PORT,
    METRICS_PORT,
    MODEL_DIR,
    PVC_ROOT,
    SERVER_CONTAINER,
    revision_labels,
)
from leadsman.core.options import serving_options
from leadsman.core.variables import environment
from leadsman.core.verbatim import verbatim

_DRAIN_SECONDS = 10
_HOME = "/var/lib/leadsman"
_REGISTRY_CONFIG = f"{_HOME}/.docker"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_template(model: str, revision: str, source: ModelSource, runtime: Runtime, image: str) -> dict[str, Any]:
    """One fetching init container, one server: non-root, read-only, without capabilities or an API token."""
    spec: dict[str, Any] = {
        **pod_basics(runtime),
        "terminationGracePeriodSeconds": _grace_seconds(runtime),
        "initContainers": [
            fetching_container(
                FETCH_CONTAINER,
                ["fetch", source.uri, MODEL_DIR, *(["--digest", source.digest] if source.digest else [])],
                source,
                runtime,
                image,
            )
        ],
        "containers": [_server_container(model, revision, source, runtime, image)],
        "volumes": fetching_volumes(source),
    }
    return {"metadata": {"labels": revision_labels(model, revision)}, "spec": spec}


def with_digest(template: dict[str, Any], digest: str | None) -> dict[str, Any]:
    """The pod template with the digest that a preflight has proved: its pods refuse other bytes."""
    if digest is None or digest_in(template):
        return template
    pinned = deepcopy(template)
    for container in pinned["spec"]["initContainers"]:
        if container["name"] == FETCH_CONTAINER:
            container["args"] += ["--digest", digest]
    return pinned


def digest_in(template: dict[str, Any]) -> str | None:
    """The digest that the pods of a template insist on."""
    for container in template.get("spec", {}).get("initContainers", []):
        arguments = container.get("args", [])
        if container.get("name") == FETCH_CONTAINER and "--digest" in arguments[:-1]:
            return str(arguments[arguments.index("--digest") + 1])
    return None


def pod_basics(runtime: Runtime) -> dict[str, Any]:
    """What every pod that touches a model has: no privilege, and the revision's ServiceAccount if it names one."""
    basics: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if runtime.service_account_name:
        basics["serviceAccountName"] = runtime.service_account_name
        # Workload identity needs the projected token.
        basics["automountServiceAccountToken"] = True
    return basics


def fetching_container(
    name: str, arguments: list[str], source: ModelSource, runtime: Runtime, image: str
) -> dict[str, Any]:
    """A container that can reach where the model is, with the credentials for it."""
    claim = _claim(source.uri)
    registry = _registry_secret(source)
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [verbatim(argument) for argument in arguments],
        **environment(runtime),
        "resources": runtime.resources.model_dump(mode="json"),
        "securityContext": _RESTRICTED,
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *([{"name": "claim", "mountPath": f"{PVC_ROOT}/{claim}", "readOnly": True}] if claim else []),
            *([{"name": "registry", "mountPath": _REGISTRY_CONFIG, "readOnly": True}] if registry else []),
        ],
    }
    if source.secret_name:
        container["envFrom"] = [{"secretRef": {"name": source.secret_name}}]
    if registry:
        container["env"] = [
            *container.get("env", []),
            {"name": "HOME", "value": _HOME},
            {"name": "DOCKER_CONFIG", "value": _REGISTRY_CONFIG},
        ]
    return container


def fetching_volumes(source: ModelSource) -> list[dict[str, Any]]:
    """The volumes of a pod that fetches a model."""
    volumes: list[dict[str, Any]] = [{"name": "model", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    if claim := _claim(source.uri):
        volumes.append({"name": "claim", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    if secret := _registry_secret(source):
        # Nobody here may read the Secret, so it is not known whether it has this key.
        items = [{"key": ".dockerconfigjson", "path": "config.json"}]
        volumes.append({"name": "registry", "secret": {"secretName": secret, "items": items, "optional": True}})
    return volumes


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
    arguments |= serving_options(runtime)
    flags = ["--access-log"] if runtime.access_log else []
    return {
        "name": SERVER_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", MODEL_DIR, *(verbatim(word) for pair in arguments.items() for word in pair), *flags],
        **environment(runtime),
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


def _grace_seconds(runtime: Runtime) -> int:
    """How long a pod may take to end: what it answers still at the end of its drain is given the time it may take.

    Templates of the default timeout are as they ever were.
    """
    usual = 3 * _DRAIN_SECONDS
    timeout = int(runtime.timeout.total_seconds())
    return usual if runtime.timeout == Runtime().timeout else max(usual, _DRAIN_SECONDS + timeout)


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


def _registry_secret(source: ModelSource) -> str | None:
    return source.secret_name if urlsplit(source.uri).scheme == "oci" else None
