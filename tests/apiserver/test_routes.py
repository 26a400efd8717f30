"""Routes on a real API server with the Gateway API's own CRDs: what is other people's stays theirs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from apiserver.fixtures import route_crds
from apiserver.kubeapi import CRDS, GATEWAY, Api, ApiError, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.waiting import eventually
from apiserver.world import World
from leadsman.core.names import REVISION_LABEL

pytestmark = pytest.mark.apiserver

UID = "11111111-2222-3333-4444-555555555555"
OWN = {"route": {"name": "own"}}
OTHER = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/other"}}],
    "backendRefs": [{"name": "other", "port": 80}],
}
TIMEOUT = {"request": "7s"}
HEADER = {
    "type": "ResponseHeaderModifier",
    "responseHeaderModifier": {"set": [{"name": "x-served-by", "value": "us"}]},
}


def path_of(world: World, name: str = "fraud", plural: str = "httproutes") -> str:
    return f"{GATEWAY}/namespaces/{world.namespace}/{plural}/{name}"


def rules(world: World, name: str = "fraud", plural: str = "httproutes") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.api.get(path_of(world, name, plural))["spec"]["rules"]
    return found


def own_route(world: World) -> dict[str, Any]:
    """An HTTPRoute as somebody has it in Git."""
    home = {"name": "fraud", "port": 80}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "own", "namespace": world.namespace},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["ml.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"value": "/"}}],
                    "filters": [HEADER],
                    "timeouts": TIMEOUT,
                    "backendRefs": [home],
                },
                OTHER,
            ],
        },
    }


def submit(world: World, version: str = "1", *, shadow: bool = False, **traffic: Any) -> dict[str, Any]:
    """Version 1 for the first time, or another one after it."""
    steps = [{"shadow": {}, "minDuration": "0s"}] if shadow else []
    steps += [{"weight": weight, "minDuration": "0s"} for weight in (20, 50)]
    asked = model(world.namespace, **({"traffic": traffic} if traffic else {}))
    world.api.submit(policy(world.namespace, steps=steps, keepWarm="5s"), with_version(asked, version))
    return asked


async def at_twenty(it: Pilot, **traffic: Any) -> None:
    """Version 1 serves, and 2 has a fifth of the requests."""
    submit(it.world, "1", **traffic)
    await it.run(until=lambda it: it.serves("1"))
    submit(it.world, "2", **traffic)
    await it.run(until=lambda it: it.weights == {"1": 80, "2": 20})


def message(it: Pilot) -> str:
    return str(next(c["message"] for c in it.status["conditions"] if c["type"] == "Ready"))


async def test_what_others_put_into_the_models_route_outlives_a_whole_rollout(world: World) -> None:
    async with pilot(world) as it:
        submit(world)
        await it.run(until=lambda it: it.serves("1"))
        [ours] = rules(world)
        world.api.patch(
            path_of(world), {"spec": {"rules": [{**ours, "timeouts": TIMEOUT, "filters": [HEADER]}, OTHER]}}
        )
        await it.one_pass()
        assert not [write for write in it.wrote if "httproutes" in write]
        submit(world, "2", shadow=True)
        await it.run(until=lambda it: it.status["rollout"]["phase"] == "Shadow" and len(rules(world)) == 3)
        assert rules(world)[0]["filters"][0] == HEADER
        assert rules(world)[0]["timeouts"] == TIMEOUT
        await it.run(until=lambda it: it.serves("2") and it.status["rollout"]["phase"] == "Idle")
        mine, theirs = rules(world)
        assert {key: value for key, value in mine.items() if key != "backendRefs"} == {
            "matches": ours["matches"],
            "timeouts": TIMEOUT,
            "filters": [HEADER],
        }
        assert theirs["backendRefs"][0]["name"] == "other"
        await it.run(until=lambda it: not it.wrote)


async def test_a_route_by_reference_is_split_through_a_rollout_and_has_its_service_again_after_it(world: World) -> None:
    world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
    before = rules(world, "own")
    async with pilot(world) as it:
        submit(world, **OWN)
        await it.run(until=lambda it: it.serves("1"))
        assert rules(world, "own") == before, "nobody has written it"
        submit(world, "2", shadow=True, **OWN)
        await it.run(until=lambda it: it.serves("2") and it.status["rollout"]["phase"] == "Idle")
        assert [max(weights.values()) for weights in it.history] == [100, 80, 50, 100]
        assert world.copied["2"] > 0
        assert rules(world, "own") == before
        assert world.api.missing(path_of(world)), "none is generated"
        metadata = world.api.get(path_of(world, "own"))["metadata"]
        assert "ownerReferences" not in metadata
        assert "labels" not in metadata
        await it.run(until=lambda it: not it.wrote)


async def test_a_route_that_is_named_no_more_has_its_service_again(world: World) -> None:
    world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
    before = rules(world, "own")
    async with pilot(world) as it:
        await at_twenty(it, **OWN)
        assert rules(world, "own") != before
        world.api.patch(it.path, {"spec": {"traffic": {"route": None}}})
        await it.one_pass()
        assert rules(world, "own") == before


async def test_a_route_outlives_the_model(world: World) -> None:
    world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
    before = rules(world, "own")
    async with pilot(world) as it:
        await at_twenty(it, **OWN)
        await it.reconciler.release((world.namespace, "fraud"))
        assert rules(world, "own") == before
        written = world.api.get(path_of(world, "own"))["metadata"]["resourceVersion"]
        await it.reconciler.release((world.namespace, "fraud"))
        assert world.api.get(path_of(world, "own"))["metadata"]["resourceVersion"] == written, "once is enough"


async def test_two_models_share_a_route_and_each_has_its_own_rule(world: World) -> None:
    manifest = own_route(world)
    manifest["spec"]["rules"][1] = {**OTHER, "backendRefs": [{"name": "spam", "port": 80}]}
    world.api.apply(path_of(world, "own"), manifest, manager="kubectl")
    async with pilot(world) as it:
        await at_twenty(it, **OWN)
        fraud, spam = rules(world, "own")
        assert len(fraud["backendRefs"]) == 2
        assert [backend["name"] for backend in spam["backendRefs"]] == ["spam"]


async def test_a_missing_route_is_said_and_found_when_it_comes(world: World) -> None:
    async with pilot(world) as it:
        submit(world, **OWN)
        await it.run(until=lambda it: it.condition("Available") == ("True", "Serving"))
        assert message(it).startswith("HTTPRoute own does not exist in this namespace")
        world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
        await it.run(until=lambda it: it.serves("1"))


async def test_a_rule_that_mixes_is_said_and_left_with_stable(world: World) -> None:
    manifest = own_route(world)
    manifest["spec"]["rules"][0]["backendRefs"].append({"name": "other", "port": 80})
    world.api.apply(path_of(world, "own"), manifest, manager="kubectl")
    before = rules(world, "own")
    async with pilot(world) as it:
        submit(world, **OWN)
        await it.run(until=lambda it: it.condition("Available") == ("True", "Serving"))
        await it.one_pass()
        assert "names other backends beside Service fraud" in message(it)
        assert rules(world, "own") == before


def test_a_route_that_was_deleted_meanwhile_is_not_made_again(world: World) -> None:
    body = {
        **own_route(world),
        "metadata": {"name": "own", "namespace": world.namespace, "resourceVersion": "1", "uid": UID},
    }
    with pytest.raises(ApiError) as refused:
        world.api.apply(path_of(world, "own"), body, manager="leadsman", force="true")
    assert refused.value.status == 409


async def test_a_candidate_gets_no_requests_before_a_gateway_can_know_its_pods(world: World) -> None:
    async with pilot(world) as it:
        submit(world)
        await it.run(until=lambda it: it.serves("1"))
        submit(world, "2")
        await it.run(until=lambda it: it.status["rollout"].get("candidate"))
        revision = it.status["rollout"]["candidate"]["revision"]
        listed = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "candidate", "labels": {"kubernetes.io/service-name": f"fraud-{revision}"}},
            "addressType": "IPv4",
            "endpoints": [],
        }
        slices = f"apis/discovery.k8s.io/v1/namespaces/{world.namespace}/endpointslices"
        world.api.create(slices, listed)
        pods = f"api/v1/namespaces/{world.namespace}/pods"

        def ready_pods() -> list[dict[str, Any]]:
            found = [pod for pod in world.api.items(pods) if pod["metadata"]["labels"].get(REVISION_LABEL) == revision]
            return [pod for pod in found if any(one["type"] == "Ready" for one in pod["status"].get("conditions", []))]

        await it.run(until=lambda _: ready_pods())
        await it.one_pass()
        assert it.status["rollout"]["phase"] == "Preparing"
        assert it.weights == {"1": 100}
        endpoints = [
            {"addresses": [pod["status"]["podIP"]], "targetRef": {"kind": "Pod", "uid": pod["metadata"]["uid"]}}
            for pod in ready_pods()
        ]
        world.api.apply(f"{slices}/candidate", {**listed, "endpoints": endpoints}, manager="controller", force="true")
        await it.run(until=lambda it: it.weights == {"1": 80, "2": 20})


async def test_grpc_has_the_weights_of_http_in_every_step(world: World) -> None:
    traffic = {
        "gateway": {"name": "public", "namespace": "gateways"},
        "hostnames": ["fraud.example.com"],
        "grpc": {"hostnames": ["grpc.fraud.example.com"]},
    }
    async with pilot(world) as it:
        await at_twenty(it, **traffic)
        for step in ({"1": 80, "2": 20}, {"2": 100}):
            await it.run(until=lambda it, step=step: it.weights == step)
            http, grpc = (rules(world, plural=plural)[0]["backendRefs"] for plural in ("httproutes", "grpcroutes"))
            assert [(one["name"], one["weight"]) for one in http] == [(one["name"], one["weight"]) for one in grpc]
            assert {one["port"] for one in grpc} == {8081}
        await it.run(until=lambda it: it.serves("2") and it.status["rollout"]["phase"] == "Idle")
        service = world.api.get(f"api/v1/namespaces/{world.namespace}/services/fraud")
        assert [(port["name"], port["targetPort"], port["appProtocol"]) for port in service["spec"]["ports"]] == [
            ("http", 8080, "http"),
            ("grpc", 8081, "kubernetes.io/h2c"),
        ]
        await it.run(until=lambda it: not it.wrote)
        world.api.patch(it.path, {"spec": {"traffic": {"grpc": None}}})
        await it.run(until=lambda it: world.api.missing(path_of(world, plural="grpcroutes")))


TESTED = {
    "gateway": {"name": "public", "namespace": "gateways"},
    "testers": {"header": {"name": "x-tester", "value": "yes"}},
}


def pinned_to(world: World) -> list[str]:
    """The versions that answer testers."""
    found = [rule for rule in rules(world) if rule.get("name", "").startswith("leadsman-testers")]
    return [world.version(rule["backendRefs"][0]["name"]) for rule in found]


async def test_testers_see_the_candidate_before_anybody_else_and_stable_after_it(world: World) -> None:
    async with pilot(world) as it:
        submit(world, **TESTED)
        await it.run(until=lambda it: it.serves("1"))
        assert pinned_to(world) == []
        submit(world, "2", shadow=True, **TESTED)
        await it.run(until=lambda it: it.status["rollout"]["phase"] == "Shadow" and len(pinned_to(world)) == 2)
        assert pinned_to(world) == ["2", "2"]
        assert it.weights == {"1": 100}
        await it.run(until=lambda it: it.serves("2") and it.status["rollout"]["phase"] == "Idle")
        assert pinned_to(world) == []
        await it.run(until=lambda it: not it.wrote)


async def test_without_the_field_for_sessions_that_is_said_and_requests_are_split_all_the_same(world: World) -> None:
    async with pilot(world) as it:
        submit(world, gateway={"name": "public", "namespace": "gateways"}, affinity={})
        await it.run(until=lambda it: it.weights == {"1": 100})
        await it.one_pass()
        assert it.condition("Ready") == ("False", "RouteNotAccepted")
        assert "spec.traffic.affinity cannot be had" in message(it)
        assert all("sessionPersistence" not in rule for rule in rules(world))


@pytest.fixture
def experimental(api: Api) -> Iterator[None]:
    """The API server has the HTTPRoute of the experimental channel."""

    def install(channel: str) -> bool:
        [path] = [path for path in route_crds(channel) if "httproutes" in path.name]
        crd = yaml.safe_load(path.read_text())
        api.apply(f"{CRDS}/{crd['metadata']['name']}", crd, manager=channel, force="true")
        return channel == "experimental"

    def known() -> bool:
        return "sessionPersistence" in json.dumps(api.get("openapi/v3/apis/gateway.networking.k8s.io/v1"))

    for channel in ("experimental", "standard"):
        wanted = install(channel)
        eventually(lambda wanted=wanted: known() is wanted, f"the {channel} HTTPRoute is served", 30)
        if wanted:
            yield


@pytest.mark.usefixtures("experimental")
async def test_sessions_stay_with_a_pod_where_the_cluster_has_the_field_for_it(world: World) -> None:
    traffic: dict[str, Any] = {"gateway": {"name": "public", "namespace": "gateways"}, "affinity": {}}
    async with pilot(world) as it:
        await at_twenty(it, **traffic)
        [rule] = rules(world)
        assert rule["sessionPersistence"]["sessionName"] == "leadsman-fraud"
        assert rule["sessionPersistence"]["type"] == "Cookie"
        await it.run(until=lambda it: it.serves("2") and it.status["rollout"]["phase"] == "Idle")
        await it.run(until=lambda it: not it.wrote)
        world.api.patch(it.path, {"spec": {"traffic": {"affinity": None}}})
        await it.one_pass()
        assert "sessionPersistence" not in rules(world)[0]
