"""The routes that split traffic by weight and copy it: made for the model, or named by its spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from leadsman.api.modeldeployment import GatewayRef, ModelDeployment
from leadsman.core.affinity import FIELD, NOT_SUPPORTED, with_affinity
from leadsman.core.backends import Backends
from leadsman.core.names import FIELD_MANAGER, GRPC_SERVICE_PORT, HTTP_SERVICE_PORT, model_labels
from leadsman.core.narrowing import GrpcRequests, HttpRequests, Requests
from leadsman.core.owner import is_owned, owner_references
from leadsman.core.routeparents import is_ahead, refusal
from leadsman.core.routerules import (
    Rules,
    Split,
    desired_rules,
    mirrors_of,
    names_revision,
    rules_of,
    shares_of,
    users_rules,
)

HTTP = "HTTPRoute"
GRPC = "GRPCRoute"
KINDS = (HTTP, GRPC)
API_VERSION = "gateway.networking.k8s.io/v1"
_NAMED = "name"
_NOT_NAMED = (
    "spec.traffic.testers cannot be had: rules of this cluster's HTTPRoute have no name, by which those for "
    "testers are known again; install version 1.4 of the Gateway API or a later one, or take testers out"
)
RULE_FIELDS = frozenset({_NAMED, FIELD})

Live = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Surroundings:
    """What routes are built from besides the spec."""

    backends: Backends
    live: Live = field(default_factory=dict)
    rule_fields: frozenset[str] | None = RULE_FIELDS
    """Those of RULE_FIELDS that the cluster's HTTPRoute has; None while that is not known."""
    has_grpc_routes: bool = True


@dataclass(frozen=True)
class Route:
    """A route as it is to be."""

    kind: str
    name: str
    body: dict[str, Any] | None
    """None when there is nothing that could be written."""
    problem: str = ""
    """What could not be had, in one sentence that says what to do."""


def desired_routes(deployment: ModelDeployment, around: Surroundings, split: Split) -> list[Route]:
    """Every route that serves the model, with these weights in every rule that names it."""
    traffic, name = deployment.spec.traffic, deployment.metadata.name
    if traffic.route:
        return [_referenced(deployment, around, split, traffic.route.name)]
    if traffic.gateway is None:
        return []
    routes = [_own_http(deployment, around, split, traffic.gateway)]
    if traffic.grpc and around.has_grpc_routes:
        routes.append(_own_grpc(deployment, around, split, traffic.gateway))
    elif traffic.grpc:
        problem = "spec.traffic.grpc asks for a GRPCRoute, which this cluster does not have: install the Gateway API's"
        routes.append(Route(GRPC, name, None, problem))
    return routes


def unsettled(route: Route, around: Surroundings, split: Split) -> str:
    """Why a route does not do as it is to yet; empty when it does, and its gateways have taken it."""
    named, live = f"{route.kind} {route.name}", around.live.get((route.kind, route.name), {})
    if not live:
        return f"{named} is not there yet"
    rules = rules_of(live)
    if any(shares != split.weights for shares in shares_of(rules, around.backends) or [{}]):
        decided = ", ".join(f"{share} % to {revision}" for revision, share in split.weights.items())
        return f"{named} does not split requests as decided yet: {decided}{_by_whom(live)}"
    if set(mirrors_of(rules, around.backends)) != ({split.mirror} if split.mirror else set()):
        copies = f"{split.mirror.percent} % to {split.mirror.revision}" if split.mirror else "none"
        return f"{named} does not copy requests as decided yet: {copies}{_by_whom(live)}"
    return refusal(live)


def lags(route: Route, around: Surroundings, split: Split) -> bool:
    """Whether requests, or copies, may still go to others than these: by the route as it is, or was a moment ago."""
    live = around.live.get((route.kind, route.name), {})
    rules = rules_of(live)
    named = {revision for shares in shares_of(rules, around.backends) for revision in shares}
    copied = {mirror.revision for mirror in mirrors_of(rules, around.backends)}
    return not named | copied <= set(split.revisions) or is_ahead(live)


def _by_whom(live: Mapping[str, Any]) -> str:
    """Who else has written a route's rules last, in words; empty when that was us, or nobody says so."""
    writers = [
        (str(one.get("time", "")), one["manager"])
        for one in live["metadata"].get("managedFields", [])
        if one.get("manager") != FIELD_MANAGER and "f:rules" in one.get("fieldsV1", {}).get("f:spec", {})
    ]
    return f"; its rules were last written by {max(writers)[1]}" if writers else ""


def is_of_model(deployment: ModelDeployment, live: Mapping[str, Any]) -> bool:
    """Whether a live HTTPRoute was made for the model, or is one of others that its spec names or has named.

    What the spec does not name any more is known by our having written it, and by the revisions that it names.
    """
    metadata, traffic = live.get("metadata", {}), deployment.spec.traffic
    if model_labels(deployment.metadata.name).items() <= metadata.get("labels", {}).items():
        return True
    if traffic.route and metadata.get("name") == traffic.route.name:
        return True
    if traffic.gateway and metadata.get("name") == deployment.metadata.name:
        # Somebody else's that has the name of the one to be made must not be taken for it.
        return False
    written = any(one.get("manager") == FIELD_MANAGER for one in metadata.get("managedFields", []))
    backends = Backends(deployment.metadata.name, deployment.metadata.namespace)
    return written and any(names_revision(rule, backends) for rule in rules_of(live))


def routes_of_others(deployment: ModelDeployment, live: Live) -> frozenset[str]:
    """The HTTPRoutes of others that the model goes by, one that is missing too."""
    named = deployment.spec.traffic.route
    found = {name for (kind, name), route in live.items() if kind == HTTP and not is_owned(deployment, route)}
    return frozenset(found | ({named.name} if named else set()))


def former_routes(deployment: ModelDeployment, around: Surroundings) -> list[Route]:
    """Routes of others that the spec has named before: they are given back."""
    traffic = deployment.spec.traffic
    kept = traffic.route.name if traffic.route else deployment.metadata.name if traffic.gateway else None
    return [route for route in given_back(deployment, around) if route.name != kept]


def given_back(deployment: ModelDeployment, around: Surroundings) -> list[Route]:
    """Every route of others as it is to be without us: with the Service that stays in place of the revisions."""
    return [
        _given(deployment, around, Split({}), live)
        for (kind, _), live in around.live.items()
        if kind == HTTP and not is_owned(deployment, live)
    ]


def _referenced(deployment: ModelDeployment, around: Surroundings, split: Split, name: str) -> Route:
    live = around.live.get((HTTP, name))
    if live is None:
        missing = f"HTTPRoute {name} does not exist in this namespace: create it, or name another in spec.traffic.route"
        return Route(HTTP, name, None, missing)
    return _given(deployment, around, split, live)


def _given(deployment: ModelDeployment, around: Surroundings, split: Split, live: Mapping[str, Any]) -> Route:
    """A route of somebody else: only its rules are applied, and only to the very version that was read."""
    split, problem = _possible(deployment, around, split)
    requests = HttpRequests(deployment.metadata.name)
    found = desired_rules(rules_of(live), around.backends, split, requests, own=False)
    kept = ("name", "namespace", "uid", "resourceVersion")
    metadata = {key: value for key, value in live["metadata"].items() if key in kept}
    body = {"apiVersion": API_VERSION, "kind": HTTP, "metadata": metadata, "spec": {"rules": found.rules}}
    return _route(body, found, problem)


def _own_http(deployment: ModelDeployment, around: Surroundings, split: Split, gateway: GatewayRef) -> Route:
    split, problem = _possible(deployment, around, split)
    affinity = deployment.spec.traffic.affinity
    if affinity and (lacking := _lacking(around, FIELD, NOT_SUPPORTED)):
        affinity, problem = None, lacking
    model = deployment.metadata.name
    rules = [
        with_affinity(rule, model, affinity) if around.backends.shares(rule) else rule
        for rule in _own_rules(around, HTTP, HTTP_SERVICE_PORT)
    ]
    found = desired_rules(rules, around.backends, split, HttpRequests(model), own=True)
    return _route(_own(deployment, gateway, HTTP, deployment.spec.traffic.hostnames, found), found, problem)


def _own_grpc(deployment: ModelDeployment, around: Surroundings, split: Split, gateway: GatewayRef) -> Route:
    split, problem = _possible(deployment, around, split)
    grpc = deployment.spec.traffic.grpc
    rules = _own_rules(around, GRPC, GRPC_SERVICE_PORT)
    requests: Requests = GrpcRequests()
    found = desired_rules(rules, around.backends, split, requests, own=True)
    return _route(_own(deployment, gateway, GRPC, grpc.hostnames if grpc else (), found), found, problem)


def _possible(deployment: ModelDeployment, around: Surroundings, split: Split) -> tuple[Split, str]:
    """What of the split the cluster's Gateway API can say."""
    if deployment.spec.traffic.testers is None or not (lacking := _lacking(around, _NAMED, _NOT_NAMED)):
        return split, ""
    return replace(split, pinned=None), lacking


def _lacking(around: Surroundings, name: str, problem: str) -> str:
    """The problem with a field that rules do not have; empty when they have it.

    While nobody knows, what a live rule has is there: the API server keeps no field that it does not know.
    """
    if around.rule_fields is not None:
        return "" if name in around.rule_fields else problem
    is_used = any(name in rule for (kind, _), live in around.live.items() if kind == HTTP for rule in rules_of(live))
    return (
        "" if is_used else f"whether rules of this cluster's HTTPRoute have {name} cannot be read from its schema now"
    )


def _own_rules(around: Surroundings, kind: str, port: int) -> Sequence[Mapping[str, Any]]:
    """The live rules; a rule for all requests, if none is there that names the model.

    A rule that takes all requests elsewhere is ours, with somebody's hand in it: the model would have none left.
    """
    model = around.backends.model
    live = rules_of(around.live.get((kind, model), {}))
    if any(map(around.backends.shares, users_rules(live, around.backends))):
        return list(live)
    return [*(rule for rule in live if not _takes_all(rule)), {"backendRefs": [{"name": model, "port": port}]}]


def _takes_all(rule: Mapping[str, Any]) -> bool:
    everything: tuple[Mapping[str, Any], ...] = ({}, {"path": {"type": "PathPrefix", "value": "/"}})
    return all(match in everything for match in rule.get("matches") or [{}])


def _own(
    deployment: ModelDeployment,
    gateway: GatewayRef,
    kind: str,
    hostnames: Sequence[str],
    found: Rules,
) -> dict[str, Any]:
    name, namespace = deployment.metadata.name, deployment.metadata.namespace
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": model_labels(name),
            "ownerReferences": owner_references(deployment),
        },
        "spec": {
            # Named even when it is empty, so that taking the last one out takes it out of the route.
            "hostnames": list(hostnames),
            "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace or namespace}],
            "rules": found.rules,
        },
    }


def _route(body: dict[str, Any], found: Rules, problem: str) -> Route:
    kind, name = body["kind"], body["metadata"]["name"]
    said = found.problem and f"{kind} {name}: {found.problem}"
    return Route(kind, name, body, said or problem)
