"""Shadow steps on a real cluster: Envoy copies requests, and the answers are compared before any user sees one."""

from typing import Any

import pytest

from support import iris
from support.cluster import apply, eventually, get
from support.iris import MODEL, host, pairs, rules, source, stable_version, status
from support.users import Users, wait_until_served

pytestmark = pytest.mark.cluster

RPS = 40
ALIKE = [5.1, 3.5, 1.4, 0.2]
"""A flower on whose kind the quickstart's two versions agree."""
UNLIKE = [7.0, 3.2, 4.7, 1.4]
"""One on which they do not: version 1 says 2, version 2 says 1."""


def request(flower: list[float]) -> dict[str, Any]:
    return {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, len(flower)], "data": flower}]}


def policy(namespace: str) -> dict[str, Any]:
    shadow = {"shadow": {"percent": 100}, "minDuration": "3s", "maxDuration": "1h"}
    checks = [{"errorRate": {"tolerate": 0.02}}, {"agreement": {"atLeast": 0.95}}]
    return iris.policy(namespace, shadow, iris.step(50, "3s"), checks=checks, interval="1s")


def receipts(namespace: str, version: str) -> list[dict[str, Any]]:
    records = get("mrev", namespace)["items"]
    [record] = [one for one in records if one["spec"]["model"]["version"] == version]
    return list(record["status"]["receipts"])


def serve_first(namespace: str, store: str) -> str:
    """Returns version 1's revision once users can reach it."""
    apply(policy(namespace), iris.model(namespace, source(store, "v1")))
    stable = stable_version(namespace, "v1")
    wait_until_served(host(namespace), MODEL)
    return stable


def test_a_candidate_that_answers_differently_is_taken_out_and_no_user_saw_it(namespace: str, store: str) -> None:
    stable = serve_first(namespace, store)
    with Users(host(namespace), MODEL, request(UNLIKE), RPS) as users:
        apply(iris.model(namespace, source(store, "v2")))
        eventually("version 2 is rolled back", lambda: status(namespace)["rollout"].get("rejected"))
        eventually("the copies end", lambda: len(rules(namespace)) == 1)
        before = len(users.answers)
        eventually("users are served as before", lambda: len(users.answers) > before + RPS)
    rejected = status(namespace)["rollout"]["rejected"]
    last = receipts(namespace, "v2")[-1]
    print(f"\n{rejected['reason']}: {rejected['message']}; {pairs(last)} answers compared")
    assert rejected["reason"] == "EvidenceFailed"
    assert rejected["message"].startswith("same answers to ")
    assert pairs(last) > 0
    assert {answer.revision for answer in users.answers} == {stable}
    assert not [answer for answer in users.answers if answer.failed]
    assert "filters" not in rules(namespace)[0]


def test_a_candidate_that_agrees_passes_on_copies_and_then_with_users(namespace: str, store: str) -> None:
    stable = serve_first(namespace, store)
    with Users(host(namespace), MODEL, request(ALIKE), RPS) as users:
        apply(iris.model(namespace, source(store, "v2")))
        eventually("version 2 gets copies", lambda: status(namespace)["rollout"]["phase"] == "Shadow")
        eventually("version 2 gets requests", lambda: status(namespace)["rollout"]["phase"] == "Canary", seconds=180)
        candidate = stable_version(namespace, "v2")
        eventually("version 2 serves", lambda: users.answers[-1].revision == candidate)
    decisions = receipts(namespace, "v2")
    print(f"\n{pairs(decisions[2])} answers compared before the first user saw one")
    assert [one["reason"] for one in decisions] == ["RolloutStarted", "StepStarted", "StepStarted", "Promoted"]
    assert pairs(decisions[2]) > 50
    assert {answer.revision for answer in users.answers} == {stable, candidate}
    assert not [answer for answer in users.answers if answer.failed]
    # From now on it is the other way round: its predecessor gets copies, to be compared with.
    [copy] = rules(namespace)[0]["filters"]
    assert copy["requestMirror"]["backendRef"]["name"] == f"{MODEL}-{stable}"
