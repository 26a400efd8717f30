"""How soon a verdict comes on a real cluster, with users whose requests go through the gateway."""

from typing import Any

import pytest

from support import iris
from support.cluster import apply, eventually
from support.iris import MODEL, REQUEST, host, record, source, stable_version, status
from support.users import Users, wait_until_served

pytestmark = pytest.mark.cluster

RPS = 20


def serve_first(namespace: str, store: str, *steps: dict[str, Any]) -> None:
    checks = [{"errorRate": {"tolerate": 0.02}}, {"crashes": {}}]
    policy = iris.policy(namespace, *steps, checks=checks, preflight=iris.ALLOW_ANY_SIGNATURE)
    apply(policy, iris.model(namespace, source(store, "v1")))
    wait_until_served(host(namespace), MODEL)
    stable_version(namespace, "v1")


def test_a_candidate_that_fails_every_request_is_gone_in_seconds(namespace: str, store: str) -> None:
    serve_first(namespace, store, iris.step(10, "1m"))
    with Users(host(namespace), MODEL, REQUEST, RPS) as users:
        eventually("users are served", lambda: len(users.answers) > 5 * RPS)
        apply(iris.model(namespace, source(store, "misfit")))
        eventually("the rollout is taken back", lambda: status(namespace)["rollout"]["phase"] == "RolledBack")
        candidate = status(namespace)["rollout"]["rejected"]["revision"]
        before = len(users.answers)
        eventually("users are served as before", lambda: len(users.answers) > before + 5 * RPS)
    harmed = users.by(candidate)
    took = harmed[-1].at - harmed[0].at
    said = status(namespace)["rollout"]["rejected"]["message"]
    print(f"\n{len(harmed)} failed requests in {took:.1f} s; {said}")
    assert [answer for answer in users.answers if answer.failed] == harmed
    assert len(harmed) <= 10
    assert took <= 10
    assert said.startswith("errors ")
    assert "at a budget of 1 : 100" in said


def test_a_healthy_candidate_is_promoted_as_soon_as_the_evidence_is_there(namespace: str, store: str) -> None:
    serve_first(namespace, store, *(iris.step(weight, "0s") for weight in (20, 50)))
    with Users(host(namespace), MODEL, REQUEST, 2 * RPS) as users:
        eventually("users are served", lambda: len(users.answers) > 5 * RPS)
        apply(iris.model(namespace, source(store, "v2")))
        candidate = stable_version(namespace, "v2")
    decisions = record(namespace, candidate)["receipts"]
    counted = [check["candidate"]["requests"] for check in decisions[-1]["checks"] if check["name"] == "errorRate"]
    answered = users.by(candidate)
    print(f"\npromoted {answered[-1].at - answered[0].at:.1f} s after its first request, by {counted[0]} requests")
    assert not [answer for answer in users.answers if answer.failed]
    assert [one["reason"] for one in decisions] == ["RolloutStarted", "StepStarted", "StepStarted", "Promoted"]
    # Two steps of some 250 flawless requests each, and what came during the looks that found them.
    assert counted[0] <= 800
