"""A model of two pods with users who ask all the time, on the real cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support import iris
from support.cluster import apply, eventually
from support.iris import MODEL, REQUEST, host, route_weights, stable_version, status
from support.users import Answer, Users, wait_until_served

RPS = 30
WHILE = 8
"""Seconds of requests after something has happened, in which they would fail."""
QUICK = [iris.step(weight, "0s") for weight in (20, 50)]
PATIENT = [iris.step(50, "30m")]


def model(namespace: str, store: str, version: str) -> dict[str, Any]:
    """The ModelDeployment."""
    return iris.model(namespace, iris.source(store, version), scaling={"minReplicas": 2})


def policy(namespace: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Its policy, `fields` of it as they are given."""
    usual = {
        "checks": [{"errorRate": {"tolerate": 0.02}}],
        "interval": "1s",
        "keepWarm": "30s",
        "preflight": iris.ALLOW_ANY_SIGNATURE,
    }
    return iris.policy(namespace, *steps, **(usual | fields))


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
