"""The HTTPRoute that splits traffic by weight and copies it to a candidate, and what its gateway says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadsman.api.modeldeployment import GatewayRef, ModelDeployment
from leadsman.core.names import child_name, model_labels
from leadsman.core.owner import owner_references
from leadsman.core.situation import Mirror

API_VERSION = "gateway.networking.k8s.io/v1"
KIND = "HTTPRoute"
_SERVICE_PORT = 80
_MIRROR = "RequestMirror"


@dataclass(frozen=True)
class RouteState:
    """What a gateway says of the route."""

    accepted: bool
    message: str


def desired_route(
    deployment: ModelDeployment, gateway: GatewayRef, weights: Mapping[str, int], mirror: Mirror | None = None
) -> dict[str, Any]:
    """One weighted backend per revision, in every rule the same; weights sum to 100."""
    name = deployment.metadata.name
    namespace = deployment.metadata.namespace
    spec = {
        # Named even when it is empty, so that taking the last one out takes it out of the route.
        "hostnames": list(deployment.spec.traffic.hostnames),
        "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace or namespace}],
        "rules": _rules(name, weights, mirror),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": model_labels(name),
            "ownerReferences": owner_references(deployment),
        },
        "spec": spec,
    }


def _rules(model: str, weights: Mapping[str, int], mirror: Mirror | None) -> list[dict[str, Any]]:
    """One rule for all requests; while some are copied, one for those before it.

    Only plain infer requests are copied. Feedback would be counted twice, and a request that names a version can be
    answered by revisions of that version alone: its copy would look like an error of the candidate.
    """
    split = {
        "backendRefs": [
            {"name": child_name(model, revision), "port": _SERVICE_PORT, "weight": weight}
            for revision, weight in weights.items()
        ]
    }
    if mirror is None:
        return [split]
    copy: dict[str, Any] = {"backendRef": {"name": child_name(model, mirror.revision), "port": _SERVICE_PORT}}
    # All is what the Gateway API means without a number, which gateways of before its version 1.3 do not know.
    if mirror.percent < 100:
        copy["percent"] = mirror.percent
    infer = {
        "matches": [{"path": {"type": "Exact", "value": f"/v2/models/{model}/infer"}}],
        "filters": [{"type": _MIRROR, "requestMirror": copy}],
    }
    return [infer | split, split]


def route_state(route: Mapping[str, Any]) -> RouteState:
    """Whether the gateway has accepted the route at its present generation, and resolved its backends."""
    generation = route.get("metadata", {}).get("generation", 0)
    parents: Sequence[Mapping[str, Any]] = route.get("status", {}).get("parents", [])
    if not parents:
        return RouteState(
            accepted=False, message="no gateway has answered for the HTTPRoute; does spec.traffic.gateway exist?"
        )
    for wanted in ("Accepted", "ResolvedRefs"):
        found = [c for c in parents[0].get("conditions", []) if c.get("type") == wanted]
        if not found or found[0].get("observedGeneration", 0) < generation:
            return RouteState(accepted=False, message="the gateway has not looked at the HTTPRoute's latest change yet")
        if found[0].get("status") != "True":
            return RouteState(
                accepted=False, message=f"the gateway refuses the HTTPRoute: {found[0].get('message', wanted)}"
            )
    return RouteState(accepted=True, message="")


def route_weights(route: Mapping[str, Any], model: str) -> dict[str, int]:
    """Each revision's weight as the live route has it."""
    prefix = f"{model}-"
    return {
        backend["name"].removeprefix(prefix): backend.get("weight", 1)
        for rule in route.get("spec", {}).get("rules", [])[:1]
        for backend in rule.get("backendRefs", [])
    }


def route_mirror(route: Mapping[str, Any], model: str) -> Mirror | None:
    """Who gets copies of which share of requests as the live route has it."""
    rules = route.get("spec", {}).get("rules", [])
    filters = [one["requestMirror"] for rule in rules for one in rule.get("filters", []) if one.get("type") == _MIRROR]
    if not filters:
        return None
    return Mirror(filters[0]["backendRef"]["name"].removeprefix(f"{model}-"), filters[0].get("percent", 100))
