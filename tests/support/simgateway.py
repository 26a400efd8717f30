"""The gateway of the simulated cluster: what it says of a route, and whom requests and copies go to by it."""

from collections.abc import Collection, Mapping
from random import Random
from typing import Any


def take(route: dict[str, Any], model: str, services: Collection[str]) -> None:
    """Accept a route at its generation. Fails where a real one would have nobody to send requests to."""
    for rule in route["spec"]["rules"]:
        mirrored = [one["requestMirror"]["backendRef"] for one in rule.get("filters", [])]
        named = {ref["name"] for ref in (*rule["backendRefs"], *mirrored)}
        assert sum(ref["weight"] for ref in rule["backendRefs"]) == 100
        assert all(name in services for name in named if name.startswith(model)), "a backend's Service comes first"
    accepted = [
        {"type": kind, "status": "True", "observedGeneration": route["metadata"]["generation"]}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    route["status"] = {
        "parents": [{"parentRef": parent, "conditions": accepted} for parent in route["spec"]["parentRefs"]]
    }


def shares_of(route: Mapping[str, Any], model: str) -> dict[str, int]:
    """Percent of requests by revision."""
    rules = route.get("spec", {}).get("rules", [{}])
    return {ref["name"].removeprefix(f"{model}-"): ref["weight"] for ref in rules[0].get("backendRefs", [])}


def copies_of(route: Mapping[str, Any], model: str) -> dict[str, int]:
    """Percent of requests that a revision gets copies of."""
    rules = route.get("spec", {}).get("rules", [])
    mirrors = [one["requestMirror"] for rule in rules for one in rule.get("filters", [])]
    return {one["backendRef"]["name"].removeprefix(f"{model}-"): one.get("percent", 100) for one in mirrors}


def recipients(random: Random, split: Mapping[str, int], rps: float, sticky: float, testers: float) -> list[str]:
    """The revision that each request of a second goes to; stable is the first of the split, the candidate the last.

    `sticky` is the share that goes to stable whatever the split; the requests of testers come besides.
    """
    whole, part = divmod(rps, 1)
    asked = int(whole) + (random.random() < part)
    shares = [share * (1 - sticky) for share in split.values()]
    shares[0] += 100 * sticky
    return random.choices(list(split), shares, k=asked) + [list(split)[-1]] * int(testers)
