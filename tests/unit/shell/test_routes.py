"""Which routes are read, and what routes can say on an API server."""

from collections.abc import Mapping
from typing import Any

import pytest

from leadsman.shell.kube import HTTP_ROUTE, KubeError, NotFoundError, Resource
from leadsman.shell.routes import RuleFields, read_routes
from support.objects import GATEWAY, model_deployment

OURS = {"app.kubernetes.io/managed-by": "leadsman", "leadsman.dev/model": "fraud"}
SPLIT = {"rules": [{"backendRefs": [{"name": "fraud-bcdfghjk", "port": 80}]}]}
GIVEN_BACK = {"rules": [{"backendRefs": [{"name": "fraud", "port": 80}]}]}
WRITTEN = {"managedFields": [{"manager": "kubectl"}, {"manager": "leadsman"}]}
TESTERS = {"header": {"name": "x-tester", "value": "yes"}}


class Server:
    """An API server that has these HTTPRoutes, and a schema with these fields of a rule."""

    def __init__(self, *routes: dict[str, Any], fields: tuple[str, ...] = (), grpc: bool = True) -> None:
        self.routes, self.fields, self.grpc = routes, fields, grpc
        self.schemas = 0
        self.fails = False
        self.published = True

    async def list(self, resource: Resource, _: str, __: Mapping[str, str]) -> list[dict[str, Any]]:
        if resource is not HTTP_ROUTE and not self.grpc:
            raise NotFoundError("no such kind", 404)
        return [*self.routes] if resource is HTTP_ROUTE else []

    async def get(self, *_: object) -> dict[str, Any]:
        self.schemas += 1
        if self.fails:
            raise KubeError("the schema is not there yet", 503)
        if not self.published:
            return {"components": {"schemas": {}}}
        rule = {"properties": {name: {} for name in ("matches", *self.fields)}}
        spec = {"properties": {"spec": {"properties": {"rules": {"items": rule}}}}}
        return {"components": {"schemas": {"io.k8s.networking.gateway.v1.HTTPRoute": spec}}}


def route(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An HTTPRoute."""
    return {"metadata": {"name": name, **metadata}, "spec": spec}


READ: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "its own": (GATEWAY, route("fraud", SPLIT, labels=OURS), True),
    "one that the spec names": ({"route": {"name": "own"}}, route("own", {"rules": []}), True),
    "one that the spec has named": (GATEWAY, route("own", SPLIT, **WRITTEN), True),
    "one that names its revisions, but was never written by Leadsman": (GATEWAY, route("own", SPLIT), False),
    "one that was given back": (
        GATEWAY,
        route("own", {"rules": [{"backendRefs": [{"name": "fraud"}]}]}, **WRITTEN),
        False,
    ),
    "somebody's that has the name of its own": (GATEWAY, route("fraud", SPLIT, **WRITTEN), False),
    "another model's": (GATEWAY, route("spam", SPLIT, labels={**OURS, "leadsman.dev/model": "spam"}), False),
}


@pytest.mark.parametrize(("traffic", "live", "is_read"), READ.values(), ids=READ.keys())
async def test_which_routes_are_a_models(traffic: dict[str, Any], live: dict[str, Any], is_read: bool) -> None:
    found = await read_routes(Server(live), model_deployment(traffic=traffic), RuleFields())  # type: ignore[arg-type]
    assert found.found == ([live] if is_read else [])
    assert found.has_gateway_api
    assert found.has_grpc_routes


async def test_a_cluster_need_not_have_grpc_routes() -> None:
    found = await read_routes(Server(grpc=False), model_deployment(), RuleFields())  # type: ignore[arg-type]
    assert (found.has_gateway_api, found.has_grpc_routes) == (True, False)


async def test_the_schema_is_read_when_it_matters_and_not_on_every_pass() -> None:
    server, fields = Server(fields=("name",)), RuleFields()
    await read_routes(server, model_deployment(traffic=GATEWAY), fields)  # type: ignore[arg-type]
    assert server.schemas == 0
    for _ in range(3):
        found = await read_routes(server, model_deployment(traffic={**GATEWAY, "testers": TESTERS}), fields)  # type: ignore[arg-type]
        assert found.rule_fields == {"name"}
    assert server.schemas == 1


@pytest.mark.parametrize(("fails", "published"), [(True, True), (False, False)], ids=["fails", "has no HTTPRoute yet"])
async def test_a_schema_that_cannot_be_read_stops_nothing_and_is_read_again(fails: bool, published: bool) -> None:
    server = Server(fields=("name",))
    server.fails, server.published = fails, published
    tested, fields = model_deployment(traffic={**GATEWAY, "testers": TESTERS}), RuleFields()
    assert (await read_routes(server, tested, fields)).rule_fields is None  # type: ignore[arg-type]
    server.fails, server.published = False, True
    assert (await read_routes(server, tested, fields)).rule_fields == {"name"}  # type: ignore[arg-type]
