"""What people decide, and what happens after a promotion, while users ask all the time."""

import subprocess
import time

import pytest

from support.cluster import apply, eventually, get
from support.iris import MODEL, record, route_weights, stable_version, status
from support.loaded import QUICK, go_on, model, policy, show, told, users_of

pytestmark = pytest.mark.cluster

UNKNOWN = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 4], "data": [9.0, 3.2, 4.7, 1.4]}]}
"""A flower that touchy.onnx fails at, and version 1 does not."""


def leadsman(*words: str) -> str:
    """Run the command line as people do."""
    done = subprocess.run(["leadsman", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_undo_takes_the_former_revision_back_at_no_request(namespace: str, store: str) -> None:
    with users_of(namespace, store, QUICK, keepWarm="10m") as users:
        first = status(namespace)["rollout"]["stable"]
        apply(model(namespace, store, "v2"))
        second = stable_version(namespace, "v2")
        go_on(users)
        print("\n" + leadsman("undo", MODEL, "-n", namespace, "--yes", "--reason", "the shop complains"))
        stable_version(namespace, "v1")
        go_on(users)
        assert users.answers[-1].revision == first
        assert route_weights(namespace) == [100]
    show(users)
    [asked] = get("roa", namespace)["items"]
    assert asked["spec"]["requestedBy"]["user"]
    assert asked["status"]["outcome"] == "Accepted"
    assert {answer.revision for answer in users.answers} == {first, second}
    assert not users.failed(), told(users.failed(), users)


def test_nobody_but_people_pass_an_approval(namespace: str, store: str) -> None:
    with users_of(namespace, store, QUICK) as users:
        apply(policy(namespace, QUICK[0], {"approval": {}}), model(namespace, store, "v2"))
        eventually("it waits", lambda: status(namespace)["rollout"]["phase"] == "Approval", seconds=240)
        go_on(users)
        assert route_weights(namespace) == [80, 20], "it keeps the share that it has"
        print("\n" + leadsman("approve", MODEL, "-n", namespace, "--yes", "--reason", "as agreed"))
        second = stable_version(namespace, "v2")
        go_on(users)
    show(users)
    [asked] = get("roa", namespace)["items"]
    approver = asked["spec"]["requestedBy"]["user"]
    assert any(f"{approver} approves" in receipt["message"] for receipt in record(namespace, second)["receipts"])
    assert not users.failed(), told(users.failed(), users)


def test_a_revision_that_turns_bad_after_its_promotion_is_returned_from_in_seconds(namespace: str, store: str) -> None:
    with users_of(namespace, store, QUICK, keepWarm="10m", watch={"copies": 100}) as users:
        first = status(namespace)["rollout"]["stable"]
        apply(model(namespace, store, "touchy"))
        second = stable_version(namespace, "touchy")
        go_on(users)
        assert not users.failed(), told(users.failed(), users)
        users.body, turned = UNKNOWN, time.monotonic()
        stable_version(namespace, "v1")
        go_on(users)
    show(users)
    harmed = users.by(second)
    bad = [answer for answer in harmed if answer.failed]
    print(f"{len(bad)} bad answers; the last {bad[-1].at - turned:.1f} s after it turned bad")
    assert users.failed() == bad
    assert bad[-1].at - turned <= 30
    assert users.answers[-1].revision == first
    rejected = status(namespace)["rollout"]["rejected"]
    assert rejected["revision"] == second
    assert rejected["reason"] == "EvidenceFailed"
