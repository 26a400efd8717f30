"""What people decide by the command line, while users ask all the time."""

import subprocess

import pytest

from support.cluster import apply, get
from support.loaded import (
    MODEL,
    QUICK,
    go_on,
    model,
    route_weights,
    show,
    stable_version,
    status,
    told,
    users_of,
)

pytestmark = pytest.mark.cluster


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
