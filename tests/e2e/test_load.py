"""What users notice of rollouts, and of what breaks meanwhile: nothing but what a bad candidate itself answers.

Two pods a revision, and requests through the gateway at a steady rate all the time. Every request that was sent counts,
and every one without an answer of 200 has failed, whoever is to blame.
"""

from typing import Any

import pytest

from support.cluster import apply, eventually, get, kubectl
from support.faults import GATEWAYS, gateway_of, proxies, proxy_deployment, restart, restarts, serving_pods, sigkill
from support.iris import MODEL, record, route_weights, stable_version, status
from support.loaded import PATIENT, QUICK, go_on, model, policy, show, start_canary, told, users_of

pytestmark = pytest.mark.cluster


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


@pytest.mark.full
def test_a_candidate_that_is_superseded_costs_no_request(namespace: str, store: str) -> None:
    with users_of(namespace, store, PATIENT) as users:
        start_canary(namespace, store, users)
        apply(model(namespace, store, "misfit"))
        eventually("version 2 has lost its share", lambda: route_weights(namespace) == [100])
        apply(model(namespace, store, "v1"))
        eventually("all is as before", lambda: status(namespace)["rollout"]["phase"] == "Idle")
        go_on(users)
    show(users)
    assert not users.failed(), told(users.failed(), users)


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


@pytest.mark.full
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


@pytest.mark.full
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


@pytest.mark.full
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
