"""The HTTPRoute that splits traffic by weight, and what its gateway says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadsman.api.modeldeployment import GatewayRef, ModelDeployment
from leadsman.core.names import child_name, model_labels
from leadsman.core.owner import owner_references

API_VERSION = "gateway.networking.k8s.io/v1"
KIND = "HTTPRoute"
_SERVICE_PORT = 80


@dataclass(frozen=True)
class RouteState:
    """What a gateway says of the route."""

    accepted: bool
    message: str


def desired_route(deployment: ModelDeployment, gateway: GatewayRef, weights: Mapping[str, int]) -> dict[str, Any]:
    """One rule, one weighted backend per revision; weights sum to 100."""
    name = deployment.metadata.name
    namespace = deployment.metadata.namespace
    spec = {
        # Named even when it is empty, so that taking the last one out takes it out of the route.
        "hostnames": list(deployment.spec.traffic.hostnames),
        "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace or namespace}],
        "rules": [
            {
                "backendRefs": [
                    {"name": child_name(name, revision), "port": _SERVICE_PORT, "weight": weight}
                    for revision, weight in weights.items()
                ]
            }
        ],
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
