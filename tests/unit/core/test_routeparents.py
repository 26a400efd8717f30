"""What the gateways say of a route."""

from typing import Any

import pytest

from leadsman.core.routeparents import refusal
from support.objects import route

OURS = {"name": "public", "namespace": "gateways"}
OTHER = {"name": "internal", "namespace": "gateways"}
GOOD = {"Accepted": "True", "ResolvedRefs": "True"}


def answered(*answers: tuple[dict[str, Any], dict[str, str]], parents: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A route of generation 2 with these parents, and what was answered for which."""
    live = route({"a": 100}, conditions=GOOD)
    live["spec"]["parentRefs"] = list(parents)
    live["status"]["parents"] = [
        {
            "parentRef": parent,
            "conditions": [
                {"type": kind, "status": status, "observedGeneration": 2, "message": f"{kind} says so"}
                for kind, status in said.items()
            ],
        }
        for parent, said in answers
    ]
    return live


SILENT = "Gateway public has not answered for the HTTPRoute; does it exist, and may routes of this namespace use it?"
LATE = "Gateway public has not looked at the HTTPRoute's latest change yet"

SAID: dict[str, tuple[dict[str, Any], str]] = {
    "accepted": (route({"a": 100}), ""),
    "no route": ({}, "the HTTPRoute has no gateway: spec.parentRefs is empty"),
    "no answer": (route({"a": 100}, conditions={}), SILENT),
    "an answer to an older generation": (route({"a": 100}, generation=3), LATE),
    "half an answer": (route({"a": 100}, conditions={"Accepted": "True"}), LATE),
    "refused": (
        route({"a": 100}, conditions={"Accepted": "False", "ResolvedRefs": "True"}),
        "Gateway public refuses the HTTPRoute: Accepted says so",
    ),
    "a backend that is not found": (
        route({"a": 100}, conditions={"Accepted": "True", "ResolvedRefs": "False"}),
        "Gateway public refuses the HTTPRoute: ResolvedRefs says so",
    ),
    "a rule that was left out": (
        route({"a": 100}, conditions={**GOOD, "PartiallyInvalid": "True"}),
        "Gateway public has left out a part of the HTTPRoute: PartiallyInvalid says so",
    ),
    "both of two parents accepted": (answered((OURS, GOOD), (OTHER, GOOD), parents=(OURS, OTHER)), ""),
    "the second of two parents refuses": (
        answered((OURS, GOOD), (OTHER, {"Accepted": "False"}), parents=(OURS, OTHER)),
        "Gateway internal refuses the HTTPRoute: Accepted says so",
    ),
    "the first of two parents is silent": (answered((OTHER, GOOD), parents=(OURS, OTHER)), SILENT),
    "a parent of before still refuses": (answered((OTHER, {"Accepted": "False"}), (OURS, GOOD), parents=(OURS,)), ""),
    "two listeners of one Gateway, one silent": (
        answered(
            ({**OURS, "sectionName": "http"}, GOOD),
            parents=({**OURS, "sectionName": "http"}, {**OURS, "sectionName": "https"}),
        ),
        SILENT,
    ),
    "a parent with its defaults written out": (
        answered(
            ({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "own", "namespace": "payments"}, GOOD),
            parents=({"name": "own"},),
        ),
        "",
    ),
    "two controllers answer for one parent, one refuses": (
        answered((OURS, GOOD), (OURS, {"Accepted": "False"}), parents=(OURS,)),
        "Gateway public refuses the HTTPRoute: Accepted says so",
    ),
}


@pytest.mark.parametrize(("live", "why"), SAID.values(), ids=SAID.keys())
def test_refusal(live: dict[str, Any], why: str) -> None:
    assert refusal(live) == why
