"""What the route says."""

import pytest

from leadsman.api.modeldeployment import GatewayRef
from leadsman.core.route import desired_route, route_mirror, route_weights
from leadsman.core.situation import Mirror
from support.objects import GATEWAY, model_deployment, route


def test_weights_are_read_from_the_live_route() -> None:
    assert route_weights(route({"a": 90, "b": 10}), "fraud") == {"a": 90, "b": 10}
    assert route_weights({}, "fraud") == {}
    without = {"spec": {"rules": [{"backendRefs": [{"name": "fraud-a"}]}]}}
    assert route_weights(without, "fraud") == {"a": 1}, "1 is the Gateway API's default"


def test_the_gateway_is_in_the_models_namespace_unless_it_says_otherwise() -> None:
    body = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 100})
    assert body["spec"]["parentRefs"] == [{"name": "public", "namespace": "payments"}]
    assert body["spec"]["hostnames"] == []


def test_host_names_are_passed_on() -> None:
    deployment = model_deployment(traffic={**GATEWAY, "hostnames": ["fraud.example.com"]})
    body = desired_route(deployment, GatewayRef(name="public", namespace="gateways"), {"a": 100})
    assert body["spec"]["hostnames"] == ["fraud.example.com"]


def test_what_was_desired_is_what_is_read() -> None:
    body = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 95, "b": 5})
    assert route_weights(body, "fraud") == {"a": 95, "b": 5}
    assert route_mirror(body, "fraud") is None


@pytest.mark.parametrize("percent", [1, 99, 100])
def test_a_mirror_that_was_desired_is_what_is_read(percent: int) -> None:
    body = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 100}, Mirror("b", percent))
    assert route_weights(body, "fraud") == {"a": 100}, "no user gets an answer of a candidate in shadow"
    assert route_mirror(body, "fraud") == Mirror("b", percent)


def test_a_copy_of_all_requests_is_one_without_a_number_which_older_gateways_know_too() -> None:
    body = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 100}, Mirror("b", 100))
    [copied] = [rule for rule in body["spec"]["rules"] if "filters" in rule]
    assert copied["filters"] == [
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "fraud-b", "port": 80}}}
    ]


def test_infer_requests_alone_are_copied_and_all_else_goes_as_ever() -> None:
    body = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 100}, Mirror("b", 50))
    copied, rest = body["spec"]["rules"]
    assert copied["matches"] == [{"path": {"type": "Exact", "value": "/v2/models/fraud/infer"}}]
    assert copied["backendRefs"] == rest["backendRefs"]
    usual = desired_route(model_deployment(), GatewayRef(name="public"), {"a": 100})
    assert [rest] == usual["spec"]["rules"]
