"""The conditions that kstatus, Argo CD and Flux read, situation by situation."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from leadsman.api.conditions import ConditionType, Reason
from leadsman.api.status import ModelDeploymentStatus, RolloutState
from leadsman.core.conditions import Finding, conditions, stalled_conditions
from leadsman.core.observed import Observed
from support.machine import BY_TIME, canary, preparing, rolled_back, serving, shadow
from support.objects import GATEWAY, NOW, model_deployment, observed, pod, pods, route

LATER = NOW + timedelta(minutes=5)


@dataclass(frozen=True)
class Case:
    observed: Observed
    state: RolloutState
    desired: str
    conditions: dict[str, str]
    message: str


FRAUD = model_deployment(scaling={"minReplicas": 2}, traffic=GATEWAY)
ALONE = model_deployment(scaling={"minReplicas": 2}, rolloutPolicy={"name": "careful"})
OUT = {("HTTPRoute", "fraud"): route({"a": 100})}
COPIED = {("HTTPRoute", "fraud"): route({"a": 100}, mirror="b")}
REFUSED = {("HTTPRoute", "fraud"): route({"a": 100}, mirror="b", conditions={"Accepted": "False"})}
SPLIT = {("HTTPRoute", "fraud"): route({"a": 90, "b": 10})}
UNANSWERED = {("HTTPRoute", "fraud"): {**route({"a": 100}), "status": {}}}
SELECTED = {("Service", "fraud"): {"spec": {"selector": {"leadsman.dev/revision": "a"}}}}
CRASHED = pod("b", ready=False, trouble="container server: OOMKilled, exit code 137")

CASES = {
    "the desired revision is fully out": Case(
        observed(FRAUD, pods=pods(a=2), live=OUT),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "True/Serving"},
        "revision a serves all requests",
    ),
    "decided to be fully out, while the route still splits": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=SPLIT),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "False/RouteNotAccepted", "Reconciling": "True/RouteNotAccepted"},
        "all requests are being moved to revision a",
    ),
    "fully out, and no gateway to wait for": Case(
        observed(ALONE, pods=pods(a=2), live=SELECTED),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "True/Serving"},
        "revision a serves all requests",
    ),
    "the first revision is prepared": Case(
        observed(FRAUD, pods=[CRASHED]),
        preparing(stable=None),
        "b",
        {
            "Available": "False/NoRevision",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "revision b is prepared: 0 of 2 pods are ready; container server: OOMKilled, exit code 137",
    ),
    "the next revision is prepared": Case(
        observed(FRAUD, pods=pods(a=2, b=1), live=OUT),
        preparing(),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "revision b is prepared: 1 of 2 pods are ready",
    ),
    "rolling out": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=SPLIT),
        canary(),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "revision b gets 10 % of requests (step 1 of 2): errors 1 of 10 against 0 of 90",
    ),
    "rolling out on copies of requests": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=COPIED),
        shadow(),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "a copy of 100 % of requests goes to revision b (step 1 of 3): errors 1 of 10 against 0 of 90",
    ),
    "a gateway that cannot copy requests": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=REFUSED),
        shadow(),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "a copy of 100 % of requests goes to revision b (step 1 of 3): errors 1 of 10 against 0 of 90; "
        "Gateway public refuses the HTTPRoute: Accepted says so",
    ),
    "decided to be fully out, while the route still copies": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=COPIED),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "False/RouteNotAccepted", "Reconciling": "True/RouteNotAccepted"},
        "copies of requests still go to revision b",
    ),
    "a step that passes by time": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live=SPLIT),
        canary(policy=BY_TIME),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "revision b gets 10 % of requests (step 1 of 2, passes by time): errors 1 of 10 against 0 of 90",
    ),
    "a step that is held": Case(
        observed(FRAUD, pods=pods(a=2, b=2), live={("HTTPRoute", "fraud"): route({"a": 50, "b": 50})}),
        canary(1, overdue=True),
        "b",
        {
            "Available": "True/Serving",
            "Ready": "False/RolloutInProgress",
            "Reconciling": "True/RolloutInProgress",
        },
        "revision b gets 50 % of requests (step 2 of 2, held after its maxDuration): errors 1 of 10 against 0 of 90",
    ),
    "rolled back, and stable serves": Case(
        observed(FRAUD, pods=pods(a=2), live=OUT),
        rolled_back(),
        "b",
        {"Available": "True/Serving", "Ready": "False/RolledBack", "Stalled": "True/RolledBack"},
        "revision b was rolled back (EvidenceFailed): it errs",
    ),
    "the first revision was rolled back": Case(
        observed(FRAUD),
        rolled_back(stable=None),
        "b",
        {"Available": "False/NoRevision", "Ready": "False/RolledBack", "Stalled": "True/RolledBack"},
        "revision b was rolled back (EvidenceFailed): it errs",
    ),
    "fully out, but a pod is missing": Case(
        observed(FRAUD, pods=[*pods(a=1), pod("a", 9, ready=False, trouble="not scheduled: no node")], live=OUT),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "False/TooFewReplicas", "Reconciling": "True/TooFewReplicas"},
        "1 of 2 pods of revision a are ready; not scheduled: no node",
    ),
    "nothing can serve": Case(
        observed(FRAUD, live=OUT),
        serving(),
        "a",
        {
            "Available": "False/NoReadyReplicas",
            "Ready": "False/TooFewReplicas",
            "Reconciling": "True/TooFewReplicas",
        },
        "0 of 2 pods of revision a are ready",
    ),
    "the gateway does not take the route": Case(
        observed(FRAUD, pods=pods(a=2), live=UNANSWERED),
        serving(),
        "a",
        {"Available": "True/Serving", "Ready": "False/RouteNotAccepted", "Reconciling": "True/RouteNotAccepted"},
        "Gateway public has not answered for the HTTPRoute; does it exist, and may routes of this namespace use it?",
    ),
    "the policy does not exist": Case(
        observed(ALONE, pods=pods(a=2)),
        serving(),
        "b",
        {"Available": "True/Serving", "Ready": "False/PolicyNotFound", "Stalled": "True/PolicyNotFound"},
        "RolloutPolicy careful does not exist in this namespace",
    ),
    "the policy does not exist, and was taken out of the spec since": Case(
        observed(FRAUD, pods=pods(a=2)),
        serving(),
        "b",
        {"Available": "True/Serving", "Ready": "False/PolicyNotFound", "Stalled": "True/PolicyNotFound"},
        "the RolloutPolicy does not exist in this namespace",
    ),
}


def test_a_step_without_any_report_says_that_there_is_no_evidence() -> None:
    state = canary()
    assert state.candidate is not None
    state = state.model_copy(update={"candidate": state.candidate.model_copy(update={"checks": ()})})
    found = conditions(observed(FRAUD, pods=pods(a=2, b=2), live=SPLIT), state, "b", (), NOW)
    assert found[1].message == "revision b gets 10 % of requests (step 1 of 2): no evidence yet"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_conditions(case: Case) -> None:
    found = conditions(case.observed, case.state, case.desired, (), NOW)
    assert {one.type: f"{one.status}/{one.reason}" for one in found} == case.conditions
    (ready,) = [one for one in found if one.type == ConditionType.READY]
    assert ready.message == case.message
    assert {one.observed_generation for one in found} == {3}
    assert {one.last_transition_time for one in found} == {NOW}
    assert all(one.status == "True" for one in found if one.type in ("Reconciling", "Stalled"))
    ModelDeploymentStatus(conditions=found)


def test_a_time_moves_only_when_a_status_changes() -> None:
    rolling = conditions(CASES["rolling out"].observed, canary(), "b", (), NOW)
    again = conditions(CASES["rolling out"].observed, canary(1), "b", rolling, LATER)
    assert {one.last_transition_time for one in again} == {NOW}, "another message is no transition"
    out = conditions(CASES["the desired revision is fully out"].observed, serving(), "a", again, LATER)
    times = {one.type: one.last_transition_time for one in out}
    assert times == {"Available": NOW, "Ready": LATER}
    back = conditions(CASES["rolling out"].observed, canary(), "b", out, LATER + timedelta(minutes=1))
    assert {one.type: one.last_transition_time for one in back}["Reconciling"] == LATER + timedelta(minutes=1)


def test_a_long_message_is_cut() -> None:
    case = CASES["the first revision is prepared"]
    long = observed(FRAUD, pods=[pod("b", ready=False, trouble="x" * 9000)])
    found = conditions(long, case.state, "b", (), NOW)
    assert max(len(one.message) for one in found) == 4096


def test_a_spec_that_cannot_be_acted_on_stalls_and_keeps_what_was_said_of_availability() -> None:
    before = conditions(CASES["rolling out"].observed, canary(), "b", (), NOW)
    wrong = Finding(ready=False, reason=Reason.INVALID_SPEC, message="spec.model.uri is wrong", stalled=True)
    found = stalled_conditions(4, wrong, before, LATER)
    assert {one.type: f"{one.status}/{one.reason}" for one in found} == {
        "Available": "True/Serving",
        "Ready": "False/InvalidSpec",
        "Stalled": "True/InvalidSpec",
    }
