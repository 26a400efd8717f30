"""Whether requests are split and copied as decided."""

from typing import Any

import pytest

from leadsman.core.observed import Observed
from leadsman.core.situation import Mirror
from support.objects import GATEWAY, model_deployment, observed, pods, route


def routed(live: dict[str, Any] | None = None) -> Observed:
    """A model behind a gateway."""
    found = {("HTTPRoute", "fraud"): live} if live else {}
    return observed(model_deployment(traffic=GATEWAY), pods=pods(a=1, b=1), live=found)


def selecting(revision: str) -> Observed:
    """A model without a gateway."""
    service = {"spec": {"selector": {"leadsman.dev/revision": revision}}}
    return observed(model_deployment(), live={("Service", "fraud"): service})


def uneven() -> dict[str, Any]:
    """A route whose second rule splits otherwise."""
    live = route({"a": 90, "b": 10})
    live["spec"]["rules"] += route({"a": 100})["spec"]["rules"]
    return live


SPLIT, ALL = {"a": 90, "b": 10}, {"a": 100}
NOT_SPLIT = "HTTPRoute fraud does not split requests as decided yet: 90 % to a, 10 % to b"
CASES: dict[str, tuple[Observed, dict[str, int], Mirror | None, str]] = {
    "as decided and accepted": (routed(route(SPLIT)), SPLIT, None, ""),
    "copied as decided": (routed(route(ALL, mirror="b")), ALL, Mirror("b", 100), ""),
    "no route": (routed(), SPLIT, None, "HTTPRoute fraud is not there yet"),
    "nothing to split yet": (routed(), {}, None, ""),
    "not written yet": (routed(route(ALL)), SPLIT, None, NOT_SPLIT),
    "one rule splits otherwise": (routed(uneven()), SPLIT, None, NOT_SPLIT),
    "written, and the gateway has not looked": (
        routed(route(SPLIT, generation=3)),
        SPLIT,
        None,
        "Gateway public has not looked at the HTTPRoute's latest change yet",
    ),
    "copies are not sent yet": (
        routed(route(ALL)),
        ALL,
        Mirror("b", 20),
        "HTTPRoute fraud does not copy requests as decided yet: 20 % to b",
    ),
    "copies are still sent": (
        routed(route(ALL, mirror="b")),
        ALL,
        None,
        "HTTPRoute fraud does not copy requests as decided yet: none",
    ),
    "the Service selects it": (selecting("a"), ALL, None, ""),
    "the Service selects another": (selecting("b"), ALL, None, "Service fraud does not select a yet"),
    "there is no Service": (observed(model_deployment()), ALL, None, "Service fraud does not select a yet"),
}


@pytest.mark.parametrize(("world", "weights", "mirror", "why"), CASES.values(), ids=CASES.keys())
def test_settled(world: Observed, weights: dict[str, int], mirror: Mirror | None, why: str) -> None:
    assert world.settled(weights, mirror) == why
