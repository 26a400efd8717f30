"""The CustomResourceDefinitions: what the API server asks of a schema, and what a reader of `kubectl explain` does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from leadsman.api.crd import crds

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in crds()}
ETCD_LIMIT = 262_144
"""Bytes that `kubectl apply` can keep in its annotation."""


def schema_of(kind: str) -> dict[str, Any]:
    """A kind's schema."""
    schema: dict[str, Any] = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all below it, with where each stands."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


@pytest.mark.parametrize("kind", CRDS)
def test_the_schema_is_structural(kind: str) -> None:
    for path, node in nodes(schema_of(kind)):
        for banned in ("$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "definitions", "discriminator"):
            assert banned not in node, f"{kind}{path} has {banned}"
        assert node.get("default", ...) is not None, f"{kind}{path} defaults to null"
        typed = "type" in node or node.get("x-kubernetes-int-or-string")
        assert typed, f"{kind}{path} has no type"
        assert not ("properties" in node and "additionalProperties" in node), f"{kind}{path}"
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            assert node.get(bound, True) is True, f"{kind}{path}: {bound} is a boolean in this version of JSON schema"


@pytest.mark.parametrize("kind", CRDS)
def test_every_field_says_what_it_is(kind: str) -> None:
    told = [".apiVersion", ".kind", ".metadata"]
    silent = [
        path
        for path, node in nodes(schema_of(kind))
        if not node.get("description") and path not in told and not path.endswith("[]")
    ]
    assert not silent


@pytest.mark.parametrize("kind", CRDS)
def test_whatever_grows_is_bounded(kind: str) -> None:
    unbounded = [
        path
        for path, node in nodes(schema_of(kind))
        if (node.get("type") == "array" and "maxItems" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
    ]
    assert not unbounded, "unbounded lists make CEL rules and objects too dear"


@pytest.mark.parametrize("kind", CRDS)
def test_the_definition_is_small(kind: str) -> None:
    assert len(json.dumps(CRDS[kind])) < ETCD_LIMIT / 4


def test_a_status_is_a_subresource_where_there_is_one() -> None:
    for kind, crd in CRDS.items():
        version = crd["spec"]["versions"][0]
        assert ("status" in schema_of(kind)["properties"]) == ("subresources" in version)


def test_names_are_those_of_the_design() -> None:
    names = {kind: (crd["spec"]["names"]["shortNames"], crd["metadata"]["name"]) for kind, crd in CRDS.items()}
    assert names == {
        "ModelDeployment": (["mdep"], "modeldeployments.leadsman.dev"),
        "RolloutPolicy": (["rop"], "rolloutpolicies.leadsman.dev"),
        "ModelRevision": (["mrev"], "modelrevisions.leadsman.dev"),
        "RolloutAction": (["roa"], "rolloutactions.leadsman.dev"),
    }
    assert all(crd["spec"]["names"]["categories"] == ["leadsman"] for crd in CRDS.values())


def test_a_new_object_has_not_been_observed() -> None:
    for kind in ("ModelDeployment", "RolloutAction"):
        assert schema_of(kind)["properties"]["status"]["default"] == {"observedGeneration": -1}
    assert "default" not in schema_of("ModelRevision")["properties"]["status"]


def test_lists_that_are_maps_say_so() -> None:
    status = schema_of("ModelDeployment")["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    receipts = schema_of("ModelRevision")["properties"]["status"]["properties"]["receipts"]
    assert receipts["x-kubernetes-list-map-keys"] == ["sequence"]


def test_kubectl_describe_shows_the_outcome_and_its_sentence_before_the_receipts() -> None:
    """It sorts fields by name."""
    assert sorted(schema_of("ModelRevision")["properties"]["status"]["properties"])[-4:] == [
        "message",
        "outcome",
        "preflight",
        "receipts",
    ]


def test_columns_point_at_fields_that_exist() -> None:
    for kind, crd in CRDS.items():
        paths = {path.replace("[]", "[*]") for path, _ in nodes(schema_of(kind))}
        for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]:
            if column["jsonPath"].startswith(".metadata") or "?(" in column["jsonPath"]:
                continue
            assert re.sub(r"\[[-0-9:]+\]", "[*]", column["jsonPath"]) in paths, f"{kind}: {column}"


def test_generating_twice_gives_the_same() -> None:
    assert crds() == crds()
