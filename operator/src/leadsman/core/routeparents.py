"""What the gateways that a route names as its parents say of it."""

from collections.abc import Mapping, Sequence
from typing import Any

_GROUP = "gateway.networking.k8s.io"
_WANTED = ("Accepted", "ResolvedRefs")
_PARTLY = "PartiallyInvalid"


def refusal(route: Mapping[str, Any]) -> str:
    """Why the route is not in effect as it stands; empty when every parent has accepted it and resolved its backends.

    An answer to an earlier generation is none, nor is one for a parent that the route names no more.
    """
    kind = route.get("kind", "HTTPRoute")
    parents = route.get("spec", {}).get("parentRefs", [])
    said = [_of_parent(route, kind, parent) for parent in parents]
    return next(filter(None, said), "") if said else f"the {kind} has no gateway: spec.parentRefs is empty"


def is_ahead(route: Mapping[str, Any]) -> bool:
    """Whether a gateway that knows the route has not looked at its present generation: it may go by an earlier one."""
    generation = route.get("metadata", {}).get("generation", 0)
    conditions = [one for parent in route.get("status", {}).get("parents", []) for one in parent.get("conditions", [])]
    return any(one.get("type") in _WANTED and one.get("observedGeneration", 0) < generation for one in conditions)


def _of_parent(route: Mapping[str, Any], kind: str, parent: Mapping[str, Any]) -> str:
    name, wanted = f"Gateway {parent.get('name')}", _identity(route, parent)
    answers = [
        answer
        for answer in route.get("status", {}).get("parents", [])
        if _identity(route, answer.get("parentRef", {})) == wanted
    ]
    if not answers:
        return f"{name} has not answered for the {kind}; does it exist, and may routes of this namespace use it?"
    generation = route.get("metadata", {}).get("generation", 0)
    said = [_of_answer(answer.get("conditions", []), generation, name, kind) for answer in answers]
    return next(filter(None, said), "")


def _of_answer(conditions: Sequence[Mapping[str, Any]], generation: int, name: str, kind: str) -> str:
    # What was said of an earlier generation says nothing of this one.
    current = {one.get("type"): one for one in conditions if one.get("observedGeneration", 0) >= generation}
    for wanted in _WANTED:
        if wanted not in current:
            return f"{name} has not looked at the {kind}'s latest change yet"
        if current[wanted].get("status") != "True":
            return f"{name} refuses the {kind}: {current[wanted].get('message', wanted)}"
    if current.get(_PARTLY, {}).get("status") == "True":
        return f"{name} has left out a part of the {kind}: {current[_PARTLY].get('message', _PARTLY)}"
    return ""


def _identity(route: Mapping[str, Any], parent: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        parent.get("group", _GROUP),
        parent.get("kind", "Gateway"),
        parent.get("namespace", route.get("metadata", {}).get("namespace")),
        parent.get("name"),
        parent.get("sectionName"),
        parent.get("port"),
    )
