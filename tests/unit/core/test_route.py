"""The routes of a model: which there are, whose they are, and why one is not in effect."""

from typing import Any

import pytest

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.observed import Key, Observed
from leadsman.core.route import Route, former_routes
from leadsman.core.routerules import Pinned, Split, is_route_drifted
from leadsman.core.situation import Mirror
from support.objects import GATEWAY, UID, built_route, model_deployment, observed, pods

HOME = {"name": "fraud", "port": 80}
ROUTED = {"route": {"name": "own"}}
ALL, SPLIT = {"a": 100}, {"a": 90, "b": 10}


def test_the_gateway_is_in_the_models_namespace_unless_it_says_otherwise() -> None:
    body = built_route(model_deployment(traffic={"gateway": {"name": "public"}}), ALL)
    assert body["spec"]["parentRefs"] == [{"name": "public", "namespace": "payments"}]
    assert body["spec"]["hostnames"] == []


def given(*rules: dict[str, Any], name: str = "own", accepted: bool = True) -> dict[Key, dict[str, Any]]:
    """Somebody's HTTPRoute."""
    parent = {"name": "public", "namespace": "gateways"}
    said = [
        {"type": kind, "status": str(accepted), "observedGeneration": 1, "message": "it says so"}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {
        ("HTTPRoute", name): {
            "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "payments", "generation": 1, "uid": "u", "resourceVersion": "7"},
            "spec": {"parentRefs": [parent], "hostnames": ["ml.example.com"], "rules": list(rules)},
            "status": {"parents": [{"parentRef": parent, "conditions": said}]},
        }
    }


SERVICE: dict[Key, dict[str, Any]] = {
    ("Service", "fraud"): {
        "metadata": {"ownerReferences": [{"uid": UID}]},
        "spec": {"selector": {"leadsman.dev/revision": "a"}},
    }
}


def world(live: dict[Key, dict[str, Any]], deployment: ModelDeployment | None = None) -> Observed:
    """A model whose spec names the HTTPRoute `own`, and whose Service selects a."""
    found = deployment or model_deployment(traffic=ROUTED)
    return observed(found, pods=pods(a=1, b=1), live={**SERVICE, **live})


def backend(name: str, weight: int) -> dict[str, Any]:
    """A backend on port 80."""
    return {"name": name, "port": 80, "weight": weight}


SPLIT_RULE = {"backendRefs": [backend("fraud-a", 90), backend("fraud-b", 10)]}
SETTLED: dict[str, tuple[dict[Key, dict[str, Any]], dict[str, int], str]] = {
    "its Service has everything, which selects stable": (given({"backendRefs": [HOME]}), ALL, ""),
    "its weights are those decided": (given(SPLIT_RULE), SPLIT, ""),
    "Git has put its Service back": (
        given({"backendRefs": [HOME]}),
        SPLIT,
        "HTTPRoute own does not split requests as decided yet: 90 % to a, 10 % to b",
    ),
    "there is none of that name": (
        {},
        ALL,
        "HTTPRoute own does not exist in this namespace: create it, or name another in spec.traffic.route",
    ),
    "no rule names the model": (
        given({"backendRefs": [{"name": "other", "port": 80}]}),
        ALL,
        "HTTPRoute own: no rule of it names Service fraud in its backendRefs",
    ),
    "a rule mixes": (
        given({"backendRefs": [HOME, {"name": "other", "port": 80}]}),
        ALL,
        "HTTPRoute own: rule 1 of it names other backends beside Service fraud, so it cannot be split, and its "
        "requests for the model all go to stable: give the model a rule of its own",
    ),
    "its gateway refuses it": (
        given({"backendRefs": [HOME]}, accepted=False),
        ALL,
        "Gateway public refuses the HTTPRoute: it says so",
    ),
}


@pytest.mark.parametrize(("live", "weights", "why"), SETTLED.values(), ids=SETTLED.keys())
def test_a_route_of_somebody_else_settles(live: dict[Key, dict[str, Any]], weights: dict[str, int], why: str) -> None:
    assert world(live).settled(weights, None) == why


def test_of_a_route_of_somebody_else_the_rules_alone_are_written_and_only_over_those_that_were_read() -> None:
    found = world(given({"backendRefs": [HOME], "timeouts": {"request": "3s"}}))
    [route] = found.routes(Split(SPLIT))
    assert route.body == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "own", "namespace": "payments", "uid": "u", "resourceVersion": "7"},
        "spec": {"rules": [{**SPLIT_RULE, "timeouts": {"request": "3s"}}]},
    }


@pytest.mark.parametrize("traffic", [{}, GATEWAY, {"route": {"name": "next"}}], ids=["none", "gateway", "another"])
def test_a_route_that_the_spec_names_no_more_gets_its_service_back(traffic: dict[str, Any]) -> None:
    deployment = model_deployment(traffic=traffic)
    found = world(given(SPLIT_RULE), deployment)
    [route] = former_routes(deployment, found.surroundings())
    assert route.body
    assert route.body["spec"]["rules"] == [{"backendRefs": [backend("fraud", 1)]}]


def test_both_kinds_of_routes_have_to_settle() -> None:
    deployment = model_deployment(traffic={**GATEWAY, "grpc": {"hostnames": ["grpc.example.com"]}})
    live: dict[Key, dict[str, Any]] = {}
    for kind in ("HTTPRoute", "GRPCRoute"):
        found = given(SPLIT_RULE)["HTTPRoute", "own"]
        live[kind, "fraud"] = {**found, "kind": kind}
    assert world(live, deployment).settled(SPLIT, None) == ""
    del live["GRPCRoute", "fraud"]
    assert world(live, deployment).settled(SPLIT, None) == "GRPCRoute fraud is not there yet"
    without = Observed(deployment, None, pods=pods(a=1, b=1), live=live, has_grpc_routes=False)
    assert "asks for a GRPCRoute, which this cluster does not have" in without.settled(SPLIT, None)


UNSUPPORTED = {
    "affinity": ({"affinity": {}}, "spec.traffic.affinity cannot be had"),
    "testers": ({"testers": {"header": {"name": "x-tester", "value": "yes"}}}, "spec.traffic.testers cannot be had"),
}


@pytest.mark.parametrize(("traffic", "why"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_what_the_clusters_gateway_api_does_not_have_is_said_and_not_pretended(
    traffic: dict[str, Any], why: str
) -> None:
    deployment = model_deployment(traffic={**GATEWAY, **traffic})
    live = {("HTTPRoute", "fraud"): given(SPLIT_RULE)["HTTPRoute", "own"]}
    old = Observed(deployment, None, pods=pods(a=1, b=1), live=live, rule_fields=frozenset())
    assert old.settled(SPLIT, None).startswith(why)
    [route] = old.routes(Split(SPLIT))
    assert route.body
    assert route.body["spec"]["rules"] == [SPLIT_RULE], "requests are split all the same"


ASKED = {"affinity": {}, "testers": {"header": {"name": "x-tester", "value": "yes"}}}


def test_what_a_live_route_has_stays_while_nobody_knows_what_the_clusters_gateway_api_has() -> None:
    deployment = model_deployment(traffic={**GATEWAY, **ASKED})
    split = Split(SPLIT, pinned=Pinned("b", "x-tester", "yes"))
    live = built_route(deployment, SPLIT, pinned=split.pinned)
    unknown = Observed(deployment, None, pods=pods(a=1, b=1), live={("HTTPRoute", "fraud"): live}, rule_fields=None)
    [route] = unknown.routes(split)
    assert route == Route("HTTPRoute", "fraud", live)


def test_nothing_is_tried_while_nobody_knows_what_the_clusters_gateway_api_has() -> None:
    deployment = model_deployment(traffic={**GATEWAY, **ASKED})
    live = {("HTTPRoute", "fraud"): given(SPLIT_RULE)["HTTPRoute", "own"]}
    unknown = Observed(deployment, None, pods=pods(a=1, b=1), live=live, rule_fields=None)
    [route] = unknown.routes(Split(SPLIT, pinned=Pinned("b", "x-tester", "yes")))
    assert route.body
    assert route.body["spec"]["rules"] == [SPLIT_RULE], "requests are split all the same"
    assert route.problem.endswith("cannot be read from its schema now")


def test_sessions_that_the_spec_asks_for_no_more_end_and_those_of_others_stay() -> None:
    asked = built_route(model_deployment(traffic={**GATEWAY, "affinity": {}}), ALL)
    theirs = {**SPLIT_RULE, "sessionPersistence": {"sessionName": "basket", "type": "Cookie"}}
    live = {("HTTPRoute", "fraud"): {**asked, "spec": {**asked["spec"], "rules": [*asked["spec"]["rules"], theirs]}}}
    [route] = world(live, model_deployment(traffic=GATEWAY)).routes(Split(ALL))
    assert route.body
    assert [rule.get("sessionPersistence") for rule in route.body["spec"]["rules"]] == [
        None,
        theirs["sessionPersistence"],
    ]
    assert is_route_drifted(route.body, live["HTTPRoute", "fraud"])


def test_a_share_of_copies_that_becomes_all_of_them_is_a_difference() -> None:
    deployment = model_deployment(traffic=GATEWAY)
    some, everything = (built_route(deployment, ALL, Mirror("b", percent)) for percent in (20, 100))
    assert is_route_drifted(everything, some)
    assert is_route_drifted(some, everything)
    assert not is_route_drifted(some, some)


def _with_rules(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of the generated route, once somebody has changed them to these."""
    live = {("HTTPRoute", "fraud"): given(*rules)["HTTPRoute", "own"]}
    [route] = world(live, model_deployment(traffic=GATEWAY)).routes(Split(ALL))
    assert route.body
    found: list[dict[str, Any]] = route.body["spec"]["rules"]
    return found


def test_a_rule_that_takes_all_requests_elsewhere_is_ours_where_the_model_has_no_other() -> None:
    everything = [{"path": {"type": "PathPrefix", "value": "/"}}]
    elsewhere = {"matches": everything, "backendRefs": [backend("website", 1)]}
    mine = {"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}], "backendRefs": [backend("fraud-a", 100)]}
    assert _with_rules(elsewhere) == [{"backendRefs": [backend("fraud-a", 100)]}]
    assert _with_rules(mine, elsewhere) == [mine, elsewhere]
