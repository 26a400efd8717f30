"""How soon a verdict comes on a real cluster, with users whose requests go through the gateway."""

import json
from typing import Any

import pytest

from support.cluster import ROOT, apply, eventually, get
from support.users import Users, wait_until_served

pytestmark = pytest.mark.cluster

MODEL = "iris"
REQUEST = json.loads((ROOT / "examples/quickstart/request.json").read_text())
RPS = 20


def model(namespace: str, uri: str, version: str) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": {
            "model": {"uri": uri, "version": version},
            "traffic": {
                "gateway": {"name": "public", "namespace": "gateways"},
                "hostnames": [f"{namespace}.example.com"],
            },
            "rolloutPolicy": {"name": "quick"},
        },
    }


def policy(namespace: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "quick", "namespace": namespace},
        "spec": {
            "steps": list(steps),
            "checks": [{"errorRate": {"tolerate": 0.02}}, {"crashes": {}}],
            # Otherwise the misfit would never meet a user.
            "preflight": {"signatureChange": "Allow"},
        },
    }


def status(namespace: str) -> dict[str, Any]:
    return dict(get("mdep", namespace, MODEL)["status"])


def serve_first(namespace: str, store: str, *steps: dict[str, Any]) -> None:
    apply(policy(namespace, *steps), model(namespace, f"{store}/v1.onnx", "1"))
    wait_until_served(f"{namespace}.example.com", MODEL)
    eventually("the first version is Ready", lambda: status(namespace).get("stableVersion") == "1")


def test_a_candidate_that_fails_every_request_is_gone_in_seconds(namespace: str, store: str) -> None:
    serve_first(namespace, store, {"weight": 10, "minDuration": "1m", "maxDuration": "1h"})
    with Users(f"{namespace}.example.com", MODEL, REQUEST, RPS) as users:
        eventually("users are served", lambda: len(users.answers) > 5 * RPS)
        apply(model(namespace, f"{store}/misfit.onnx", "misfit"))
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
    steps = [{"weight": weight, "minDuration": "0s", "maxDuration": "1h"} for weight in (20, 50)]
    serve_first(namespace, store, *steps)
    with Users(f"{namespace}.example.com", MODEL, REQUEST, 2 * RPS) as users:
        eventually("users are served", lambda: len(users.answers) > 5 * RPS)
        apply(model(namespace, f"{store}/v2.onnx", "2"))
        eventually("version 2 is stable", lambda: status(namespace).get("stableVersion") == "2", seconds=300)
        candidate = status(namespace)["rollout"]["stable"]
    record = next(one for one in get("mrev", namespace)["items"] if one["spec"]["revision"] == candidate)
    decisions = record["status"]["receipts"]
    counted = [check["candidate"]["requests"] for check in decisions[-1]["checks"] if check["name"] == "errorRate"]
    answered = users.by(candidate)
    print(f"\npromoted {answered[-1].at - answered[0].at:.1f} s after its first request, by {counted[0]} requests")
    assert not [answer for answer in users.answers if answer.failed]
    assert [one["reason"] for one in decisions] == ["RolloutStarted", "StepStarted", "StepStarted", "Promoted"]
    # Two steps of some 250 flawless requests each, and what came during the looks that found them.
    assert counted[0] <= 800
