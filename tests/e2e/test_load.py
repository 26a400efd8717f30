"""What users notice of rollouts, and of what breaks meanwhile: nothing but what a bad candidate itself answers.

Two pods a revision, and requests through the gateway at a steady rate all the time. Every request that was sent counts,
and every one without an answer of 200 has failed, whoever is to blame.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.cluster import ROOT, apply, eventually, get, kubectl
from support.faults import GATEWAYS, gateway_of, proxies, proxy_deployment, restart, restarts, serving_pods, sigkill
from support.users import Answer, Users, wait_until_served

pytestmark = pytest.mark.cluster

MODEL = "iris"
REQUEST = json.loads((ROOT / "examples/quickstart/request.json").read_text())
RPS = 30
WHILE = 8
"""Seconds of requests after something has happened, in which they would fail."""


def model(namespace: str, store: str, version: str) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": {
            "model": {"uri": f"{store}/{version}.onnx", "version": version},
            "scaling": {"minReplicas": 2},
            "traffic": {
                "gateway": {"name": "public", "namespace": "gateways"},
                "hostnames": [host(namespace)],
            },
            "rolloutPolicy": {"name": "loaded"},
        },
    }


def policy(namespace: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "loaded", "namespace": namespace},
        "spec": {
            "steps": list(steps),
            "checks": [{"errorRate": {"tolerate": 0.02}}],
            "interval": "1s",
            "keepWarm": "30s",
            # Otherwise the misfit would never meet a user.
            "preflight": {"signatureChange": "Allow"},
        },
    }


QUICK = [{"weight": weight, "minDuration": "0s", "maxDuration": "1h"} for weight in (20, 50)]
PATIENT = [{"weight": 50, "minDuration": "30m", "maxDuration": "1h"}]


def repeats(namespace: str) -> dict[str, Any]:
    """What docs/operations.md tells a platform team to give its gateway."""
    triggers = ["connect-failure", "refused-stream", "reset-before-request", "reset"]
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": MODEL}
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "BackendTrafficPolicy",
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": {
            "targetRefs": [target],
            "retry": {
                "numRetries": 3,
                "retryOn": {"triggers": triggers},
                "perRetry": {"backOff": {"baseInterval": "25ms", "maxInterval": "250ms"}},
            },
        },
    }


def host(namespace: str) -> str:
    return f"{namespace}.example.com"


def status(namespace: str) -> dict[str, Any]:
    return dict(get("mdep", namespace, MODEL)["status"])


def stable_version(namespace: str, version: str) -> str:
    """Wait until this version is stable; returns its revision."""
    found = eventually(
        f"version {version} is stable",
        lambda: status(namespace) if status(namespace).get("stableVersion") == version else None,
        seconds=240,
    )
    return str(found["rollout"]["stable"])


def route_weights(namespace: str) -> list[int]:
    return [one["weight"] for one in get("httproute", namespace, MODEL)["spec"]["rules"][0]["backendRefs"]]


@contextmanager
def users_of(namespace: str, store: str, steps: list[dict[str, Any]], patience: int = 0) -> Iterator[Users]:
    """Users of version 1, which serves."""
    apply(policy(namespace, *steps), model(namespace, store, "v1"))
    wait_until_served(host(namespace), MODEL)
    stable_version(namespace, "v1")
    with Users(host(namespace), MODEL, REQUEST, RPS, patience=patience) as users:
        go_on(users)
        yield users


def go_on(users: Users, seconds: float = WHILE) -> None:
    """Let users ask for a while."""
    before = len(users.answers)
    eventually("users ask", lambda: len(users.answers) >= before + RPS * seconds)


def start_canary(namespace: str, store: str, users: Users) -> tuple[str, str]:
    """Version 2 at its step, as users see it; returns stable's and its revision."""
    apply(model(namespace, store, "v2"))
    eventually("version 2 gets its share", lambda: route_weights(namespace) == [50, 50], seconds=180)
    rollout = status(namespace)["rollout"]
    candidate = str(rollout["candidate"]["revision"])
    eventually("users are answered by it", lambda: users.by(candidate))
    return str(rollout["stable"]), candidate


def told(failed: list[Answer], users: Users) -> str:
    """What went wrong, for people."""
    began = users.answers[0].at
    lines = [
        f"{one.at - began:.2f} s: {one.code} {one.revision} {' '.join(one.lost)} {one.said[:90]}" for one in failed[:20]
    ]
    return "\n".join([f"{len(failed)} of {len(users.answers)} requests failed", *lines])


def show(users: Users) -> None:
    """Print what users saw, for the record."""
    slowest = sorted(answer.seconds for answer in users.answers)
    again = [answer for answer in users.answers if answer.lost]
    print(
        f"\n{len(users.answers)} requests, p50 {slowest[len(slowest) // 2] * 1000:.0f} ms,"
        f" p99 {slowest[len(slowest) * 99 // 100] * 1000:.0f} ms, slowest {slowest[-1]:.2f} s; sent anew: {len(again)};"
        f" {told(users.failed(), users)}"
    )


def test_promotion_and_both_ways_back_cost_no_request(namespace: str, store: str) -> None:
    with users_of(namespace, store, QUICK) as users:
        apply(model(namespace, store, "v2"))
        stable_version(namespace, "v2")
        go_on(users)
        apply(model(namespace, store, "v1"))
        first = stable_version(namespace, "v1")
        go_on(users)
        outcome = [one["reason"] for one in record(namespace, first)["receipts"]]
        eventually("version 2 has no pods any more", lambda: len(get("pods", namespace)["items"]) == 2, seconds=120)
        apply(model(namespace, store, "v2"))
        second = stable_version(namespace, "v2")
        go_on(users)
    show(users)
    assert outcome[-1] == "Returned", "it was still warm"
    assert {answer.revision for answer in users.answers} == {first, second}
    assert not users.failed(), told(users.failed(), users)


def record(namespace: str, revision: str) -> dict[str, Any]:
    """The status of a revision's ModelRevision."""
    [found] = [one for one in get("mrev", namespace)["items"] if one["spec"]["revision"] == revision]
    return dict(found["status"])


def test_a_rollback_costs_what_the_candidate_answered_and_no_more(namespace: str, store: str) -> None:
    with users_of(namespace, store, QUICK) as users:
        apply(model(namespace, store, "misfit"))
        eventually("it is taken back", lambda: status(namespace)["rollout"]["phase"] == "RolledBack", seconds=180)
        candidate = status(namespace)["rollout"]["rejected"]["revision"]
        go_on(users)
        eventually("its pods are gone", lambda: len(get("pods", namespace)["items"]) == 2, seconds=120)
        go_on(users)
    show(users)
    assert users.by(candidate)
    assert not users.failed(besides=candidate), told(users.failed(besides=candidate), users)


def test_a_candidate_that_is_superseded_costs_no_request(namespace: str, store: str) -> None:
    with users_of(namespace, store, PATIENT) as users:
        start_canary(namespace, store, users)
        apply(model(namespace, store, "misfit"))
        eventually("version 2 has lost its share", lambda: route_weights(namespace) == [100])
        apply(model(namespace, store, "v1"))
        eventually(
            "all is as before", lambda: status(namespace)["rollout"]["phase"] == "Idle" and not leftover(namespace)
        )
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)


def leftover(namespace: str) -> bool:
    """Whether a revision besides stable has requests."""
    return route_weights(namespace) != [100]


def test_the_operator_may_die_in_mid_rollout(namespace: str, store: str) -> None:
    with users_of(namespace, store, PATIENT) as users:
        start_canary(namespace, store, users)
        before = status(namespace)["rollout"]
        kubectl("-n", "leadsman-system", "delete", "pod", "-l", "app.kubernetes.io/name=leadsman", "--wait=false")
        kubectl("-n", "leadsman-system", "rollout", "status", "deployment/leadsman", "--timeout=120s")
        go_on(users)
        assert status(namespace)["rollout"]["decisions"] == before["decisions"]
        assert route_weights(namespace) == [50, 50]
        apply(policy(namespace, *QUICK), model(namespace, store, "misfit"))
        eventually("it still decides", lambda: status(namespace)["rollout"].get("rejected"), seconds=180)
        bad = status(namespace)["rollout"]["rejected"]["revision"]
        go_on(users)
    show(users)
    assert not users.failed(besides=bad), told(users.failed(besides=bad), users)


@pytest.mark.parametrize("of", ["stable", "candidate"])
def test_a_serving_pod_may_be_deleted(namespace: str, store: str, of: str) -> None:
    with users_of(namespace, store, PATIENT) as users:
        revision = start_canary(namespace, store, users)[of == "candidate"]
        pod = serving_pods(namespace, revision)[0]
        kubectl("-n", namespace, "delete", "pod", pod, "--timeout=120s")
        eventually("there is another", lambda: len(serving_pods(namespace, revision)) == 2)
        go_on(users)
        assert route_weights(namespace) == [50, 50]
    show(users)
    assert not users.failed(), told(users.failed(), users)


@pytest.mark.parametrize("of", ["stable", "candidate"])
def test_a_serving_process_may_be_killed_where_the_gateway_repeats_what_is_lost(
    namespace: str, store: str, of: str
) -> None:
    """A gateway does not do so by itself, and hears from Kubernetes after a second: docs/operations.md."""
    with users_of(namespace, store, PATIENT) as users:
        apply(repeats(namespace))
        revision = start_canary(namespace, store, users)[of == "candidate"]
        pod = serving_pods(namespace, revision)[0]
        sigkill(namespace, pod, "server")
        eventually("it was started again", lambda: restarts(namespace, pod) > 0)
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)


def test_the_gateway_may_be_restarted(namespace: str, store: str) -> None:
    with users_of(namespace, store, PATIENT) as users:
        start_canary(namespace, store, users)
        restart(GATEWAYS, proxy_deployment())
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)


def test_one_of_the_gateways_pods_may_be_deleted(namespace: str, store: str) -> None:
    with gateway_of(2), users_of(namespace, store, PATIENT) as users:
        start_canary(namespace, store, users)
        kubectl("-n", GATEWAYS, "delete", "pod", proxies()[0], "--timeout=120s")
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)


def test_one_of_the_gateways_processes_may_be_killed_if_users_ask_again(namespace: str, store: str) -> None:
    """Its open connections end with it, and nothing behind it can help: a client that asks again is answered."""
    with gateway_of(2), users_of(namespace, store, PATIENT, patience=10) as users:
        start_canary(namespace, store, users)
        pod = proxies()[0]
        before = restarts(GATEWAYS, pod)
        sigkill(GATEWAYS, pod, "envoy")
        eventually("it was started again", lambda: restarts(GATEWAYS, pod) > before)
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)
