"""Kubernetes objects and API types as tests need them: real-looking, with one line for what matters."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from leadsman.api.base import ApiModel
from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import ModelDeploymentStatus, RolloutState
from leadsman.core.names import REVISION_LABEL
from leadsman.core.observed import Key, Observed
from leadsman.core.pods import Pod
from leadsman.core.route import HTTP, desired_routes
from leadsman.core.routerules import Pinned, Split
from leadsman.core.situation import Mirror

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UID = "11111111-2222-3333-4444-555555555555"
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}


def model_deployment(
    *, model: dict[str, Any] | None = None, status: ModelDeploymentStatus | None = None, **spec: Any
) -> ModelDeployment:
    """A ModelDeployment named fraud, of generation 3."""
    return ModelDeployment.model_validate(
        {
            "metadata": {"name": "fraud", "namespace": "payments", "uid": UID, "generation": 3},
            "spec": {"model": {"uri": "https://models.example.com/fraud.onnx", **(model or {})}, **spec},
            "status": status or {},
        }
    )


def pod(revision: str = "a", number: int = 1, *, ready: bool = True, ip: str = "10.0.0.1", **changes: Any) -> Pod:
    """A pod that is ready, or has some trouble."""
    about = {"failure": None, "trouble": None, "digest": None, "restarts": 0} | changes
    return Pod(name=f"{revision}-{number}", uid=f"{revision}-{number}", revision=revision, ip=ip, ready=ready, **about)


def pods(**ready: int) -> list[Pod]:
    """So many ready pods of each revision."""
    return [pod(revision, number) for revision, count in ready.items() for number in range(count)]


def observed(
    deployment: ModelDeployment | None = None,
    *,
    pods: list[Pod] | None = None,
    live: dict[Key, dict[str, Any]] | None = None,
    policy: RolloutPolicySpec | None = None,
    has_gateway_api: bool = True,
    has_keda: bool = True,
) -> Observed:
    """What one pass has read."""
    return Observed(
        deployment=deployment or model_deployment(),
        policy=policy,
        pods=pods or [],
        live=live or {},
        has_gateway_api=has_gateway_api,
        has_keda=has_keda,
    )


def model_revision(
    revision: str,
    *,
    role: str = "retired",
    born: timedelta = timedelta(0),
    status: dict[str, Any] | None = None,
    version: str | None = None,
) -> dict[str, Any]:
    """A ModelRevision as the API server has it, born so long after NOW."""
    model = {"uri": "https://models.example.com/fraud.onnx"} | ({"version": version} if version else {})
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelRevision",
        "metadata": {
            "name": f"fraud-{revision}",
            "namespace": "payments",
            "labels": {REVISION_LABEL: revision, "leadsman.dev/role": role},
            "creationTimestamp": (NOW + born).isoformat(),
        },
        "spec": {"modelDeployment": "fraud", "revision": revision, "model": model, "runtime": {}, "podTemplate": {}},
        "status": status or {},
    }


def route(
    weights: dict[str, int],
    *,
    mirror: str | None = None,
    generation: int = 2,
    conditions: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An HTTPRoute that its gateway has answered for at generation 2; `mirror` gets a copy of everything."""
    found = {"Accepted": "True", "ResolvedRefs": "True"} if conditions is None else conditions
    answered = [
        {"type": kind, "status": status, "observedGeneration": 2, "message": f"{kind} says so"}
        for kind, status in found.items()
    ]
    backends = [{"name": f"fraud-{revision}", "port": 80, "weight": weight} for revision, weight in weights.items()]
    parent = GATEWAY["gateway"]
    copies = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": f"fraud-{mirror}", "port": 80}}}
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": "fraud", "namespace": "payments", "generation": generation},
        "spec": {
            "parentRefs": [parent],
            "rules": [{"backendRefs": backends, **({"filters": [copies]} if mirror else {})}],
        },
        "status": {"parents": [{"parentRef": parent, "conditions": answered}]} if answered else {},
    }


def built_route(
    deployment: ModelDeployment,
    weights: dict[str, int],
    mirror: Mirror | None = None,
    *,
    pinned: Pinned | None = None,
    kind: str = HTTP,
) -> dict[str, Any]:
    """The route that is made for a model, when none is there yet."""
    around = observed(deployment).surroundings({*weights, *([mirror.revision] if mirror else [])})
    [built] = [one for one in desired_routes(deployment, around, Split(weights, mirror, pinned)) if one.kind == kind]
    assert not built.problem
    assert built.body
    return built.body


def meaning(state: RolloutState, verb: str) -> dict[str, Any]:
    """What a RolloutAction names when its author has looked: what is on its way or was taken back, and its standing."""
    known = state.candidate or state.rejected
    gate = state.candidate.gate if state.candidate else None
    meant = {"revision": known.revision} if known and verb not in ("Pause", "Resume", "Undo") else {}
    if verb == "Skip":
        return meant | {"step": state.candidate.step if state.candidate else 0}
    return meant | ({"evidence": gate.evidence if gate else "none"} if verb == "Approve" else {})


def as_written(status: ApiModel) -> dict[str, Any]:
    """A status as the API server gets it."""
    written: dict[str, Any] = json.loads(
        json.dumps(status.model_dump(mode="json", by_alias=True, exclude_none=True), allow_nan=False)
    )
    return written
