"""The CRDs on a real API server: structural, small, found by short name and category, printed as people read them."""

import json
from typing import Any

import pytest
import yaml

from apiserver.kubeapi import CRDS, LEADSMAN, Api, model, policy
from apiserver.pilot import Pilot, pilot
from apiserver.world import World

pytestmark = pytest.mark.apiserver

# etcd takes objects of 1.5 MB, but `kubectl apply` keeps a copy in an annotation of at most this size.
ANNOTATION_LIMIT = 262_144
KINDS = {"modeldeployments": "mdep", "rolloutpolicies": "rop", "modelrevisions": "mrev"}


@pytest.fixture(params=sorted(KINDS))
def crd(request: pytest.FixtureRequest, api: Api) -> dict[str, Any]:
    return api.get(f"{CRDS}/{request.param}.leadsman.dev")


def test_it_is_established_and_structural(crd: dict[str, Any]) -> None:
    conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_it_stays_far_below_what_an_annotation_holds(crd: dict[str, Any]) -> None:
    assert len(json.dumps(crd["spec"])) < ANNOTATION_LIMIT / 2
    assert len(yaml.safe_dump(crd["spec"])) < ANNOTATION_LIMIT / 2


def test_it_has_a_short_name_and_the_category_of_all_our_kinds(crd: dict[str, Any]) -> None:
    names = crd["status"]["acceptedNames"]
    assert names["shortNames"] == [KINDS[names["plural"]]]
    assert names["categories"] == ["leadsman"]


def test_every_field_is_described(crd: dict[str, Any]) -> None:
    [version] = crd["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    bare = [
        path
        for part in ("spec", "status")
        if part in properties
        for path, node in fields(part, properties[part])
        if not node.get("description")
    ]
    assert bare == []


def fields(path: str, node: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A field and all fields below it."""
    found = [(path, node)]
    for name, child in node.get("properties", {}).items():
        found += fields(f"{path}.{name}", child)
    if "items" in node:
        found += fields(f"{path}[]", node["items"])[1:]
    return found


def printed(api: Api, path: str) -> dict[str, str]:
    """The first row of `kubectl get`, wide columns left out."""
    table = api.table(path)
    shown = [(i, column["name"]) for i, column in enumerate(table["columnDefinitions"]) if column["priority"] == 0]
    [row] = table["rows"]
    return {name: row["cells"][i] for i, name in shown if name != "Age"}


async def rolling(it: Pilot) -> None:
    """Version 1 is stable, version 2 gets a fifth."""
    namespace = it.world.namespace
    it.world.api.submit(policy(namespace), model(namespace))
    await it.run(until=lambda it: it.serves("1"))
    it.world.api.submit(model(namespace, model={"uri": "s3://models/fraud/2.onnx", "version": "2"}))
    await it.run(until=lambda it: it.weights == {"1": 80, "2": 20})


async def test_kubectl_get_shows_how_a_rollout_goes(world: World) -> None:
    async with pilot(world) as it:
        await rolling(it)
    path = f"{LEADSMAN}/namespaces/{world.namespace}"
    assert printed(world.api, f"{path}/modeldeployments") == {
        "Name": "fraud",
        "Ready": "False",
        "Reason": "RolloutInProgress",
        "Stable": "1",
        "Desired": "2",
        "Weight": 20,
    }
    revisions = world.api.table(f"{path}/modelrevisions")
    rows = [
        dict(zip([c["name"] for c in revisions["columnDefinitions"]], row["cells"], strict=True))
        for row in revisions["rows"]
    ]
    assert {(row["Model"], row["Version"], row["Role"], row["Outcome"]) for row in rows} == {
        ("fraud", "1", "stable", "Promoted"),
        ("fraud", "2", "candidate", "InProgress"),
    }
    assert all(row["Message"] for row in rows)


def test_kubectl_get_shows_the_weights_of_a_policy(api: Api, namespace: str) -> None:
    api.submit(policy(namespace))
    row = printed(api, f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies")
    usual = {"Name": "quick", "FalseRollbackRate": 0.01, "First": 20, "Last": 50, "OnInconclusive": "Hold"}
    assert row == usual | {"Shadow": None}


def test_kubectl_get_shows_the_shadow_of_a_policy_besides_its_weights(api: Api, namespace: str) -> None:
    api.submit(policy(namespace, steps=[{"shadow": {"percent": 10}}, {"shadow": {}}, {"weight": 5}, {"weight": 50}]))
    row = printed(api, f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies")
    assert (row["Shadow"], row["First"], row["Last"]) == (10, 5, 50)
