"""Read the routes of a model, and what routes can say on this API server."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.backends import Backends
from leadsman.core.names import model_labels
from leadsman.core.route import RULE_FIELDS, Surroundings, given_back, is_of_model
from leadsman.core.routerules import is_route_drifted
from leadsman.shell.kube import GATEWAY_SCHEMA, GRPC_ROUTE, HTTP_ROUTE, Kube, KubeError, NotFoundError, Resource

_KEPT_SECONDS = 300.0
_SCHEMA = "io.k8s.networking.gateway.v1.HTTPRoute"


@dataclass(frozen=True)
class Routes:
    """What was found."""

    found: list[dict[str, Any]]
    has_gateway_api: bool
    has_grpc_routes: bool
    rule_fields: frozenset[str] | None
    """None while they are not known."""


@dataclass
class RuleFields:
    """Which of RULE_FIELDS the cluster's HTTPRoute has. An unknown one would make the API server refuse the route.

    It is asked again after some minutes, since it is some megabyte of JSON.
    """

    _found: frozenset[str] | None = None
    _until: float = 0.0

    async def read(self, kube: Kube) -> frozenset[str] | None:
        """Read it, or remember. No rollback waits for it: while it cannot be read, what was known before holds.

        None when it was never read.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            with suppress(KubeError):
                if (found := await _read_fields(kube)) is not None:
                    self._found, self._until = found, now + _KEPT_SECONDS
        return self._found


async def read_routes(kube: Kube, deployment: ModelDeployment, fields: RuleFields) -> Routes:
    """Read the model's routes, those of others that its spec names or has named among them. Raises KubeError."""
    namespace, labels = deployment.metadata.namespace, model_labels(deployment.metadata.name)
    traffic = deployment.spec.traffic
    (http, has_gateway_api), (grpc, has_grpc_routes) = await asyncio.gather(
        # All of them: what a spec named before, it does not say any more.
        optional(kube, HTTP_ROUTE, namespace, {}),
        optional(kube, GRPC_ROUTE, namespace, labels),
    )
    ours = [route for route in http if is_of_model(deployment, route)]
    wants_fields = has_gateway_api and (traffic.testers or traffic.affinity)
    known = await fields.read(kube) if wants_fields else RULE_FIELDS
    return Routes([*ours, *grpc], has_gateway_api, has_grpc_routes, known)


async def give_back(kube: Kube, deployment: ModelDeployment) -> None:
    """Put the Service that stays in the place of revisions in the routes of others. Raises KubeError."""
    metadata = deployment.metadata
    http, _ = await optional(kube, HTTP_ROUTE, metadata.namespace, {})
    live = {(HTTP_ROUTE.kind, route["metadata"]["name"]): route for route in http if is_of_model(deployment, route)}
    around = Surroundings(Backends(metadata.name, metadata.namespace), live)
    for route in given_back(deployment, around):
        if route.body and is_route_drifted(route.body, live[route.kind, route.name]):
            await kube.apply(HTTP_ROUTE, route.body)


async def optional(
    kube: Kube, resource: Resource, namespace: str, labels: Mapping[str, str]
) -> tuple[list[dict[str, Any]], bool]:
    """Objects of a kind that a cluster need not have, and whether it has the kind."""
    try:
        return await kube.list(resource, namespace, labels), True
    except NotFoundError:
        return [], False


async def _read_fields(kube: Kube) -> frozenset[str] | None:
    """None when the schema has no HTTPRoute: an API server that has just started publishes it somewhat later."""
    schema = await kube.get(GATEWAY_SCHEMA, "", "")
    kinds: Mapping[str, Any] = schema.get("components", {}).get("schemas", {})
    spec = kinds.get(_SCHEMA, {}).get("properties", {}).get("spec", {})
    rule = spec.get("properties", {}).get("rules", {}).get("items", {})
    return RULE_FIELDS & set(rule["properties"]) if "properties" in rule else None
