"""The Jobs of a model: its preflight, which runs as the serving pods will, and the look at a followed reference."""

from datetime import timedelta
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment, ModelSource
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.preflight import KeySource, PreflightRules, SignatureChange
from leadsman.api.runtime import Resources, Runtime
from leadsman.api.status import Candidate, Following
from leadsman.core.drift import quantity
from leadsman.core.hashing import short_hash
from leadsman.core.names import (
    INPUTS_LABEL,
    PREFLIGHT_CONTAINER,
    PREFLIGHT_LABEL,
    RESOLVE_CONTAINER,
    RESOLVE_LABEL,
    SERVER_CONTAINER,
    model_labels,
    preflight_name,
    resolve_name,
)
from leadsman.core.options import proving_options
from leadsman.core.owner import owner_references
from leadsman.core.pods import PERMANENT_FAILURE
from leadsman.core.podtemplate import fetching_container, fetching_volumes, pod_basics

_KILLED = 137
_RETRIES = 20
_MEASURING_BYTES = 128 << 20
_KEY_DIRECTORY = "/var/lib/leadsman/key"
_KEY_FILE = "public.pem"
_RESOLVE_DEADLINE = timedelta(minutes=5)
_RESOLVE_RESOURCES = Resources(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "512Mi"})


def preflight_job(
    deployment: ModelDeployment, candidate: Candidate, record: ModelRevision, stable: ModelRevision | None
) -> dict[str, Any]:
    """The Job that holds a revision to its word, with the image, rights and resources that its pods will have."""
    rules, source = candidate.policy.preflight, record.spec.model
    stable = stable if stable and _is_another(stable, source) else None
    container = fetching_container(
        PREFLIGHT_CONTAINER,
        _preflight_arguments(record, stable, rules),
        source,
        _with_room(record),
        _server(record)["image"],
    )
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    spec: dict[str, Any] = {
        **pod_basics(record.spec.runtime),
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": fetching_volumes(source),
    }
    if stable:
        _reach_stable(spec, container, source, stable.spec.model)
    if rules.verify and rules.verify.public_key:
        spec["volumes"].append(_key_volume(rules.verify.public_key))
        container["volumeMounts"].append({"name": "key", "mountPath": _KEY_DIRECTORY, "readOnly": True})
    body = _job(
        deployment,
        preflight_name(deployment.metadata.name, candidate.revision),
        {PREFLIGHT_LABEL: candidate.revision},
        spec,
        rules.deadline,
        {"spec": spec, "since": candidate.started_at.isoformat()},
    )
    if record.spec.digest and "--digest" not in container["args"]:
        # What was pinned in this very preflight, before the operator died: the Job is still the answer.
        container["args"] += ["--digest", record.spec.digest]
    body["spec"]["backoffLimit"] = _RETRIES
    body["spec"]["podFailurePolicy"] = {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {
                "action": "FailJob",
                "onExitCodes": {
                    "containerName": PREFLIGHT_CONTAINER,
                    "operator": "In",
                    "values": [PERMANENT_FAILURE, _KILLED],
                },
            },
        ]
    }
    return body


def resolve_job(deployment: ModelDeployment, following: Following, image: str) -> dict[str, Any]:
    """The Job that looks what a reference names now."""
    spec, source = deployment.spec, deployment.spec.model
    arguments = ["resolve", source.uri]
    if following.identity and following.digest:
        arguments.append(f"--known={following.identity}={following.digest}")
    runtime = spec.runtime.model_copy(update={"resources": _RESOLVE_RESOURCES})
    container = fetching_container(RESOLVE_CONTAINER, arguments, source, runtime, image)
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    pod = {
        **pod_basics(spec.runtime),
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": fetching_volumes(source),
    }
    name = deployment.metadata.name
    asked = following.model_dump(mode="json", include={"checked_at", "failures"})
    return _job(
        deployment, resolve_name(name), {RESOLVE_LABEL: "true"}, pod, _RESOLVE_DEADLINE, {"spec": pod, "last": asked}
    )


def memory_limit(record: ModelRevision) -> str:
    """The memory that a revision's pods may use, as its spec says it."""
    return record.spec.runtime.resources.limits.get("memory", "the node's memory")


def _job(
    deployment: ModelDeployment,
    name: str,
    labels: dict[str, str],
    pod: dict[str, Any],
    deadline: timedelta,
    inputs: dict[str, Any],
) -> dict[str, Any]:
    own = {**model_labels(deployment.metadata.name), **labels}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": deployment.metadata.namespace,
            "labels": {**own, INPUTS_LABEL: short_hash(inputs)},
            "ownerReferences": owner_references(deployment),
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(deadline.total_seconds()),
            "template": {"metadata": {"labels": own}, "spec": pod},
        },
    }


def _preflight_arguments(record: ModelRevision, stable: ModelRevision | None, rules: PreflightRules) -> list[str]:
    arguments: dict[str, str | None] = {
        "--digest": record.spec.model.digest,
        "--deadline": str(int(rules.deadline.total_seconds())),
    }
    if stable:
        arguments["--against"] = stable.spec.model.uri
        arguments["--against-digest"] = _digest(stable)
    if rules.agreement:
        arguments["--agreement-at-least"] = _number(rules.agreement.at_least)
    if rules.latency:
        arguments["--latency-ratio"] = _number(rules.latency.tolerate_ratio)
        arguments["--max-latency"] = _number(rules.latency.max_milliseconds)
    if limit := _memory(record):
        arguments["--memory-limit"] = str(limit)
    if record.spec.runtime.threads is not None:
        arguments["--threads"] = str(record.spec.runtime.threads)
    arguments |= proving_options(record.spec.runtime)
    if verify := rules.verify:
        arguments["--public-key"] = f"{_KEY_DIRECTORY}/{_KEY_FILE}" if verify.public_key else None
        arguments["--identity"] = verify.identity
        arguments["--issuer"] = verify.issuer
    allows = rules.signature_change is SignatureChange.ALLOW
    flags = {"--allow-signature-change": allows, "--require-signature": bool(rules.verify and rules.verify.required)}
    return [
        "preflight",
        record.spec.model.uri,
        *(word for name, value in arguments.items() if value is not None for word in (name, value)),
        *(name for name, holds in flags.items() if holds),
    ]


def _memory(record: ModelRevision) -> int | None:
    """The memory limit of a revision's pods in bytes."""
    limit = quantity(record.spec.runtime.resources.limits.get("memory"))
    return None if limit is None else int(limit)


def _with_room(record: ModelRevision) -> Runtime:
    """The runtime of the serving pods, with room for what measures: preflight is told what the model may need."""
    runtime = record.spec.runtime
    limit = _memory(record)
    if not limit:
        return runtime
    limits = {**runtime.resources.limits, "memory": str(limit + _MEASURING_BYTES)}
    resources = runtime.resources.model_copy(update={"limits": limits})
    return runtime.model_copy(update={"resources": resources})


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _server(record: ModelRevision) -> dict[str, Any]:
    containers = record.spec.pod_template["spec"]["containers"]
    return next(dict(container) for container in containers if container["name"] == SERVER_CONTAINER)


def _digest(record: ModelRevision) -> str | None:
    return record.spec.digest or record.spec.model.digest or record.status.digest


def _is_another(stable: ModelRevision, source: ModelSource) -> bool:
    """Whether stable can be told apart: under the same URI, and without a digest, the model would meet itself."""
    return _digest(stable) is not None or stable.spec.model.uri != source.uri


def _reach_stable(pod: dict[str, Any], container: dict[str, Any], source: ModelSource, stable: ModelSource) -> None:
    """Add what stable's model is fetched with: its claim and its Secret, which may be gone by now."""
    other = fetching_container("", [], stable, Runtime(), "")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    for volume in fetching_volumes(stable):
        if volume == volumes.get(volume["name"]):
            continue
        mount = next(mount for mount in other["volumeMounts"] if mount["name"] == volume["name"])
        if mount["mountPath"] in mounted:
            continue
        name = f"stable-{volume['name']}"
        pod["volumes"].append({**volume, "name": name})
        container["volumeMounts"].append({**mount, "name": name})
    if stable.secret_name and stable.secret_name != source.secret_name:
        secret = {"secretRef": {"name": stable.secret_name, "optional": True}}
        # Of a key that both have, the last counts.
        container["envFrom"] = [secret, *container.get("envFrom", [])]


def _key_volume(source: KeySource) -> dict[str, Any]:
    items = [{"key": source.key, "path": _KEY_FILE}]
    if source.secret:
        return {"name": "key", "secret": {"secretName": source.secret, "items": items}}
    return {"name": "key", "configMap": {"name": source.config_map, "items": items}}
