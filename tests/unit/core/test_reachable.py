"""A pod may be ready before a gateway can know it."""

from typing import Any

import pytest

from leadsman.core.pods import Pod
from leadsman.core.reachable import as_listed

STABLE, CANDIDATE = "bcdfghjk", "kjhgfdcb"


def pod(name: str, revision: str = CANDIDATE, *, ready: bool = True) -> Pod:
    """A pod whose uid is its name."""
    return Pod(name, name, revision, "10.0.0.1", ready, None, None, None, 0)


def slice_of(**ready: bool | None) -> dict[str, Any]:
    """An EndpointSlice of the candidate's Service that lists pods as ready, or not, or says nothing."""
    return {
        "endpoints": [
            {"targetRef": {"kind": "Pod", "uid": name}, "conditions": {} if said is None else {"ready": said}}
            for name, said in ready.items()
        ]
    }


PODS = [pod("a"), pod("b"), pod("c", ready=False), pod("s", STABLE)]
LISTS: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "there is no list, where nobody makes one or it cannot be read": ([], {"a", "b", "s"}),
    "the list is empty, as it is for a Service that was just made": ([{"endpoints": None}], {"s"}),
    "one is listed, and the other is not yet": ([slice_of(a=True)], {"a", "s"}),
    "one is listed, and the other as not ready": ([slice_of(a=True, b=False)], {"a", "s"}),
    "they are in lists of their own": ([slice_of(a=True), slice_of(b=True)], {"a", "b", "s"}),
    "what is left out means ready": ([slice_of(a=None)], {"a", "s"}),
    "what is listed counts only if it says so itself": ([slice_of(a=True, b=True, c=True)], {"a", "b", "s"}),
}


@pytest.mark.parametrize(("slices", "ready"), LISTS.values(), ids=LISTS.keys())
def test_a_candidates_pod_is_ready_when_a_gateway_can_know_it(slices: list[dict[str, Any]], ready: set[str]) -> None:
    found = as_listed(PODS, CANDIDATE, slices)
    assert [one.name for one in found] == [one.name for one in PODS]
    assert {one.name for one in found if one.ready} == ready
    assert {one.name for one in found if one.trouble} == {"a", "b", "s"} - ready
