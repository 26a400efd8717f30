"""The HTTPRoute that splits traffic by weight and copies it to a candidate."""

from collections.abc import Mapping
from typing import Any

from leadsman.api.modeldeployment import GatewayRef, ModelDeployment
from leadsman.core.names import child_name, model_labels
from leadsman.core.owner import owner_references
from leadsman.core.situation import Mirror

API_VERSION = "gateway.networking.k8s.io/v1"
KIND = "HTTPRoute"
_SERVICE_PORT = 80
_MIRROR = "RequestMirror"


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


def route_weights(route: Mapping[str, Any], model: str) -> dict[str, int]:
    """Each revision's weight as the live route has it."""
    return next(iter(_weights_by_rule(route, model)), {})


def split_differs(route: Mapping[str, Any], model: str, weights: Mapping[str, int]) -> bool:
    """Whether any rule of the live route splits requests otherwise."""
    rules = _weights_by_rule(route, model)
    return not rules or any(rule != dict(weights) for rule in rules)


def _weights_by_rule(route: Mapping[str, Any], model: str) -> list[dict[str, int]]:
    prefix = f"{model}-"
    return [
        {backend["name"].removeprefix(prefix): backend.get("weight", 1) for backend in rule.get("backendRefs", [])}
        for rule in route.get("spec", {}).get("rules", [])
    ]


def route_mirror(route: Mapping[str, Any], model: str) -> Mirror | None:
    """Who gets copies of which share of requests as the live route has it."""
    rules = route.get("spec", {}).get("rules", [])
    filters = [one["requestMirror"] for rule in rules for one in rule.get("filters", []) if one.get("type") == _MIRROR]
    if not filters:
        return None
    return Mirror(filters[0]["backendRef"]["name"].removeprefix(f"{model}-"), filters[0].get("percent", 100))
