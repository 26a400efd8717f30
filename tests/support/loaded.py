"""A model of two pods with users who ask all the time, on the real cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.cluster import ROOT, apply, eventually, get
from support.users import Answer, Users, wait_until_served

MODEL = "iris"
REQUEST = json.loads((ROOT / "examples/quickstart/request.json").read_text())
RPS = 30
WHILE = 8
"""Seconds of requests after something has happened, in which they would fail."""


def model(namespace: str, store: str, version: str) -> dict[str, Any]:
    """The ModelDeployment."""
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


def policy(namespace: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Its policy, `fields` of it as they are given."""
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
            **fields,
        },
    }


QUICK = [{"weight": weight, "minDuration": "0s", "maxDuration": "1h"} for weight in (20, 50)]
PATIENT = [{"weight": 50, "minDuration": "30m", "maxDuration": "1h"}]


def host(namespace: str) -> str:
    """Where its users ask."""
    return f"{namespace}.example.com"


def status(namespace: str) -> dict[str, Any]:
    """Its status."""
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
    """The percents of its route, stable's first."""
    return [one["weight"] for one in get("httproute", namespace, MODEL)["spec"]["rules"][0]["backendRefs"]]


@contextmanager
def users_of(
    namespace: str, store: str, steps: list[dict[str, Any]], patience: int = 0, **fields: Any
) -> Iterator[Users]:
    """Users of version 1, which serves; `fields` are of its policy."""
    apply(policy(namespace, *steps, **fields), model(namespace, store, "v1"))
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


def record(namespace: str, revision: str) -> dict[str, Any]:
    """The status of a revision's ModelRevision."""
    [found] = [one for one in get("mrev", namespace)["items"] if one["spec"]["revision"] == revision]
    return dict(found["status"])
