"""Rollbacks on the cluster: a model with users, and bad candidates one after the other."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.rollback.results import Round
from benchmarks.rollback.watching import Watch
from support import iris
from support.cluster import apply, eventually, get, kubectl
from support.iris import MODEL, REQUEST, stable_version, status
from support.users import Users, wait_until_served

PROBES = 100.0
"""A second: they ask whether the model is ready, which no check counts, and find out when the gateway has changed."""
_CALM_SECONDS = 4.0
_LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Trial:
    """A model that serves version 1 to users, whose candidates get `weight` percent."""

    namespace: str
    users: Users
    probes: Users
    route: Watch
    rollout: Watch
    store: str

    def roll_back(self, file: str, version: str) -> Round:
        """Roll out a bad file, and return how it was taken back."""
        began, load = time.monotonic(), os.getloadavg()[0]
        apply(_model(self.namespace, self.store, file, version))
        candidate = eventually("it is taken back", lambda: self._rejected(version), _LONGEST_SECONDS)
        decided = self._seen(self.rollout, f"RolledBack {candidate}", began)
        written = self._seen(self.route, "100", decided - 0.5)
        until = time.monotonic() + _CALM_SECONDS
        eventually("the users go on", lambda: self.users.answers[-1].at > until)
        bad = [answer for answer in self.users.by(candidate) if answer.at > began]
        first = min(answer.at + answer.seconds for answer in bad)
        probed = [answer.at for answer in self.probes.by(candidate) if answer.at > began]
        return Round(
            decided=decided - first,
            written=written - first,
            applied=max([*probed, *(answer.at for answer in bad)]) - first,
            last=max(answer.at + answer.seconds for answer in bad) - first,
            bad=len(bad),
            failed=sum(answer.at > began for answer in self.users.failed(besides=candidate)),
            load=load,
        )

    def _rejected(self, version: str) -> str | None:
        """The candidate's revision, once it is rejected."""
        rejected = status(self.namespace)["rollout"].get("rejected")
        records = get("mrev", self.namespace)["items"]
        named = [one["spec"]["revision"] for one in records if one["spec"]["model"].get("version") == version]
        if rejected is None or rejected["revision"] not in named:
            return None
        if rejected["reason"] != "EvidenceFailed":
            raise SystemExit(f"not rolled back by evidence: {rejected['message']}")
        return str(rejected["revision"])

    @staticmethod
    def _seen(watch: Watch, line: str, since: float) -> float:
        return eventually(f"the watch says {line}", lambda: watch.when(line, since))


@contextmanager
def trial(namespace: str, store: str, weight: int, rps: float) -> Iterator[Trial]:
    """A namespace with a model that serves, its users, and watches; all gone afterwards."""
    host = iris.host(namespace)
    kubectl("create", "namespace", namespace)
    try:
        apply(_policy(namespace, weight), _model(namespace, store, "v1.onnx", "v1"))
        wait_until_served(host, MODEL)
        stable_version(namespace, "v1")
        with (
            Users(host, MODEL, REQUEST, rps) as users,
            Users(host, MODEL, None, PROBES) as probes,
            Watch(namespace, "httproute", MODEL, "{.spec.rules[0].backendRefs[*].weight}") as route,
            Watch(namespace, "mdep", MODEL, "{.status.rollout.phase} {.status.rollout.rejected.revision}") as rollout,
        ):
            eventually("users are served", lambda: len(users.answers) > 10 * rps)
            yield Trial(namespace, users, probes, route, rollout, store)
    finally:
        kubectl("-n", namespace, "delete", "mdep", "--all", "--timeout=60s")
        kubectl("delete", "namespace", namespace, "--wait=false")


def _model(namespace: str, store: str, file: str, version: str) -> dict[str, Any]:
    return iris.model(namespace, {"uri": f"{store}/{file}", "version": version}, runtime={"threads": 1})


def _policy(namespace: str, weight: int) -> dict[str, Any]:
    """All as it is by default, but for the one step, and for a preflight that would let neither candidate through."""
    return iris.policy(namespace, iris.step(weight, "1h", "2h"), preflight=iris.ALLOW_ANY_SIGNATURE)
