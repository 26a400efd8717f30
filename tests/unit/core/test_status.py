"""The status of a ModelDeployment, field by field."""

from datetime import timedelta

import pytest

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.status import Mode, ModelDeploymentStatus, RolloutState
from leadsman.core.names import REVISION_LABEL
from leadsman.core.observed import Observed
from leadsman.core.rollout import mirror, weights
from leadsman.core.situation import Decision
from leadsman.core.status import deployment_status, refused_status, version_of
from support.machine import canary, serving, shadow
from support.objects import GATEWAY, NOW, model_deployment, model_revision, observed, pods, route

RECORDS = {
    ("ModelRevision", "fraud-a"): model_revision("a", version="2026.11"),
    ("ModelRevision", "fraud-b"): model_revision("b"),
}


def status(found: Observed, state: RolloutState, desired: str = "b") -> ModelDeploymentStatus:
    """The status after a decision that led to a state."""
    return deployment_status(found, Decision(state, weights(state), mirror(state), (), timedelta(0)), desired, NOW)


def test_a_rollout_through_a_gateway() -> None:
    live = RECORDS | {("HTTPRoute", "fraud"): route({"a": 90, "b": 10})}
    found = status(observed(model_deployment(traffic=GATEWAY), pods=pods(a=2, b=1), live=live), canary(1))
    assert found.observed_generation == 3
    assert found.mode is Mode.GATEWAY
    assert found.mode_message == "Gateway public splits traffic by weight"
    assert found.url == "http://fraud.payments.svc/v2/models/fraud"
    assert found.stable_version == "2026.11"
    assert found.weight == 50
    assert found.rollout == canary(1)
    live_now = [(one.revision, one.version, one.weight, one.ready_replicas) for one in found.traffic]
    assert live_now == [("a", "2026.11", 90, 2), ("b", "b", 10, 1)], "what users see, not what was just decided"
    assert ModelDeploymentStatus.model_validate_json(found.model_dump_json(by_alias=True, exclude_none=True)) == found


def test_a_rollout_in_its_shadow_step() -> None:
    live = RECORDS | {("HTTPRoute", "fraud"): route({"a": 100}, mirror="b")}
    found = status(observed(model_deployment(traffic=GATEWAY), pods=pods(a=2, b=1), live=live), shadow())
    assert found.weight == 0
    assert found.rollout.phase == "Shadow"
    live_now = {one.revision: (one.weight, one.copies, one.ready_replicas) for one in found.traffic}
    assert live_now == {"a": (100, 0, 2), "b": (0, 100, 1)}
    assert ModelDeploymentStatus.model_validate_json(found.model_dump_json(by_alias=True, exclude_none=True)) == found


def test_without_a_gateway_the_service_says_who_serves() -> None:
    service = {"kind": "Service", "spec": {"selector": {REVISION_LABEL: "a"}}}
    found = status(observed(pods=pods(a=1), live=RECORDS | {("Service", "fraud"): service}), serving(), "a")
    assert found.mode is Mode.SERVICE
    assert found.mode_message == "spec.traffic.gateway is not set: traffic is switched, not split"
    assert [(one.revision, one.weight) for one in found.traffic] == [("a", 100)]
    assert found.weight is None


def test_a_cluster_without_the_gateway_api_is_named_as_the_reason() -> None:
    found = status(observed(model_deployment(traffic=GATEWAY), has_gateway_api=False), serving(), "a")
    assert found.mode is Mode.SERVICE
    assert "the cluster has no Gateway API" in found.mode_message


def test_before_anything_serves_there_is_no_url_and_no_traffic() -> None:
    found = status(observed(), RolloutState())
    assert (found.url, found.stable_version, found.traffic, found.weight) == ("", "", (), None)


@pytest.mark.parametrize(("version", "expected"), [("2026.11", "2026.11"), (None, "a")])
def test_a_version_for_people(version: str | None, expected: str) -> None:
    assert version_of(ModelRevision.model_validate(model_revision("a", version=version))) == expected
    assert version_of(None) == ""


def test_a_refusal_leaves_all_else_as_it_is() -> None:
    before = status(observed(pods=pods(a=1), live=RECORDS), serving(), "a")
    after = refused_status(before, 4, Reason.INVALID_SPEC, "spec.model.uri is wrong", NOW)
    assert after.observed_generation == 4
    assert after.rollout == before.rollout
    assert {one.type for one in after.conditions} == {"Available", "Ready", "Stalled"}
    assert refused_status(after, 4, Reason.INVALID_SPEC, "spec.model.uri is wrong", NOW + timedelta(hours=1)) == after
