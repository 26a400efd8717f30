"""Reading pods as the kubelet reports them."""

from typing import Any

import pytest

from leadsman.core.pods import Pod, parse_pod

DIGEST = f"sha256:{'ab' * 32}"
FETCHED = {
    "name": "fetch",
    "ready": True,
    "restartCount": 0,
    "lastState": {},
    "state": {
        "terminated": {
            "exitCode": 0,
            "reason": "Completed",
            "message": f'{{"digest": "{DIGEST}", "bytes": 1234}}',
            "startedAt": "2026-11-21T12:00:00Z",
            "finishedAt": "2026-11-21T12:00:02Z",
        }
    },
}
RUNNING = {
    "name": "server",
    "ready": True,
    "restartCount": 0,
    "lastState": {},
    "state": {"running": {"startedAt": "2026-11-21T12:00:03Z"}},
}
INITIALIZING = {"name": "server", "ready": False, "state": {"waiting": {"reason": "PodInitializing"}}}


def ended(name: str, code: int, message: str = "", *, last: bool = False, reason: str = "Error") -> dict[str, Any]:
    """A container that ended, now or the last time."""
    end = {"terminated": {"exitCode": code, "reason": reason, **({"message": message} if message else {})}}
    if last:
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
        return {"name": name, "state": {"waiting": waiting}, "lastState": end}
    return {"name": name, "state": end}


def raw(
    *,
    ready: bool = False,
    init: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    deleted: bool = False,
) -> dict[str, Any]:
    """A pod object."""
    metadata = {
        "name": "fraud-x-1",
        "uid": "u1",
        "labels": {"leadsman.dev/model": "fraud", "leadsman.dev/revision": "x", "pod-template-hash": "123"},
    }
    if deleted:
        metadata["deletionTimestamp"] = "2026-11-21T12:10:00Z"
    found = conditions or [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": metadata,
        "status": {
            "phase": "Running",
            "podIP": "10.1.2.3",
            "conditions": [{"type": "Initialized", "status": "True"}, *found],
            "initContainerStatuses": [init or FETCHED],
            "containerStatuses": [server or RUNNING],
        },
    }


def test_a_serving_pod() -> None:
    assert parse_pod(raw(ready=True)) == Pod(
        name="fraud-x-1",
        uid="u1",
        revision="x",
        ip="10.1.2.3",
        ready=True,
        failure=None,
        trouble=None,
        digest=DIGEST,
        restarts=0,
    )


def test_a_pod_that_was_just_created_says_nothing() -> None:
    pod = parse_pod({"metadata": {"name": "p", "uid": "u"}, "status": {"phase": "Pending"}})
    assert (pod.revision, pod.ip, pod.ready, pod.failure, pod.trouble, pod.digest) == ("", "", False, None, None, None)


def test_a_pod_without_any_status() -> None:
    assert not parse_pod({"metadata": {"name": "p", "uid": "u"}}).ready


def test_a_pod_that_is_going_is_not_ready_whatever_it_says() -> None:
    assert not parse_pod(raw(ready=True, deleted=True)).ready


FAILURES: dict[str, tuple[dict[str, Any], str | None]] = {
    "a fetch that cannot be helped": (raw(init=ended("fetch", 65, "digest differs\n")), "digest differs"),
    "a fetch that could not be helped the last time": (
        raw(init=ended("fetch", 65, "digest differs", last=True)),
        "digest differs",
    ),
    "a model that cannot be loaded": (
        raw(server=ended("server", 65, "opset 99 is not known")),
        "opset 99 is not known",
    ),
    "a model that cannot be loaded, without a word": (raw(server=ended("server", 65)), "the model cannot be loaded"),
    "a store that did not answer may answer later": (raw(init=ended("fetch", 75, "503 from the store")), None),
    "a crash is no verdict on the model": (raw(server=ended("server", 137, reason="OOMKilled")), None),
    "a pod that serves": (raw(ready=True), None),
}


@pytest.mark.parametrize(("pod", "failure"), FAILURES.values(), ids=FAILURES.keys())
def test_failure(pod: dict[str, Any], failure: str | None) -> None:
    assert parse_pod(pod).failure == failure


UNSCHEDULABLE = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes have enough memory"}
]
NO_IMAGE = {
    "name": "server",
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}},
}
TROUBLES: dict[str, tuple[dict[str, Any], str | None]] = {
    "what a container said when it ended": (
        raw(init=ended("fetch", 75, "503 from the store")),
        "container fetch: 503 from the store",
    ),
    "how a container ended that said nothing": (
        raw(server=ended("server", 137, reason="OOMKilled")),
        "container server: OOMKilled, exit code 137",
    ),
    "why it ended the last time comes before that it waits now": (
        raw(server=ended("server", 1, "port in use", last=True)),
        "container server: port in use",
    ),
    "why it cannot start": (
        raw(server=NO_IMAGE),
        'container server: ImagePullBackOff: Back-off pulling image "x"',
    ),
    "why it is not scheduled": (
        {"metadata": {"name": "p", "uid": "u"}, "status": {"conditions": UNSCHEDULABLE}},
        "not scheduled: 0/3 nodes have enough memory",
    ),
    "waiting for its turn is no trouble": (raw(server=INITIALIZING), None),
    "a clean end is no trouble": (raw(server=ended("server", 0)), None),
}


@pytest.mark.parametrize(("pod", "trouble"), TROUBLES.values(), ids=TROUBLES.keys())
def test_trouble(pod: dict[str, Any], trouble: str | None) -> None:
    assert parse_pod(pod).trouble == trouble


def again(name: str, times: int) -> dict[str, Any]:
    """A container that was restarted so many times."""
    return {**RUNNING, "name": name, "restartCount": times}


RESTARTS: dict[str, tuple[dict[str, Any], int]] = {
    "none yet": (raw(), 0),
    "of the server": (raw(server=again("server", 3)), 3),
    "not of the container that fetches": (raw(init={**FETCHED, "restartCount": 4}), 0),
    "not of a sidecar": (raw(server=again("istio-proxy", 5)), 0),
    "none of a container that has not started": (raw(server=INITIALIZING), 0),
    "none of a pod without containers": ({"metadata": {"name": "p", "uid": "u"}}, 0),
}


@pytest.mark.parametrize(("pod", "restarts"), RESTARTS.values(), ids=RESTARTS.keys())
def test_restarts(pod: dict[str, Any], restarts: int) -> None:
    assert parse_pod(pod).restarts == restarts


DIGESTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "as the fetch container said": (FETCHED, DIGEST),
    "none while it fetches": ({"name": "fetch", "state": {"running": {}}}, None),
    "none from a fetch that failed": (ended("fetch", 65, f'{{"digest": "{DIGEST}"}}'), None),
    "none from one that said nothing": (ended("fetch", 0), None),
    "none from one that does not speak JSON": (ended("fetch", 0, "done"), None),
    "none from one that says something else": (ended("fetch", 0, "[1]"), None),
    "none that is not text": (ended("fetch", 0, '{"digest": 5}'), None),
    "none that is no digest": (ended("fetch", 0, '{"digest": "md5:0123"}'), None),
    "none from a stranger": (ended("istio-init", 0, f'{{"digest": "{DIGEST}"}}'), None),
}


@pytest.mark.parametrize(("container", "digest"), DIGESTS.values(), ids=DIGESTS.keys())
def test_digest(container: dict[str, Any], digest: str | None) -> None:
    assert parse_pod(raw(init=container)).digest == digest
