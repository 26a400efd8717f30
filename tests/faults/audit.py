"""Watches the invariants of DESIGN.md from outside, each time before the world reacts to what was written."""

from dataclasses import dataclass, field
from typing import Any

from apiserver.kubeapi import GATEWAY, LEADSMAN
from apiserver.world import World


@dataclass
class AuditedWorld(World):
    """A world that looks at what the operator has made of it before every turn."""

    history: list[dict[str, int]] = field(default_factory=list)
    """The live route's weights by version, each time they were found changed."""
    looks: int = 0
    """How often there was evidence to be compared with what pods have really served."""
    _at_first: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """Requests that pods had served before anything of them was counted, by evidence and arm."""

    def turn(self) -> list[dict[str, Any]]:
        """Look, then go on. What requests were sent by may be another route than the one looked at."""
        self._look()
        routes = super().turn()
        self._remember(routes)
        return routes

    def _remember(self, routes: list[dict[str, Any]]) -> None:
        for route in routes:
            backends = route["spec"]["rules"][0]["backendRefs"]
            found = {self.version(one["name"]): one["weight"] for one in backends}
            if not self.history or self.history[-1] != found:
                self.history.append(found)

    def _look(self) -> None:
        routes = self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/httproutes")
        for route in routes:
            self._weights({one["name"]: one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]})
        self._remember(routes)
        path = f"{LEADSMAN}/namespaces/{self.namespace}/modeldeployments/fraud"
        rollout = self.api.get(path).get("status", {}).get("rollout", {})
        self._capacity(rollout)
        self._evidence((rollout.get("candidate") or {}).get("evidence"))

    def _weights(self, weights: dict[str, int]) -> None:
        assert sum(weights.values()) == 100, weights
        ready = {
            pod["metadata"]["annotations"].get("of")
            for pod in self.api.items(self._path("pods"))
            if {"type": "Ready", "status": "True"}.items()
            <= next((c for c in pod["status"].get("conditions", []) if c["type"] == "Ready"), {}).items()
        }
        assert {name for name, weight in weights.items() if weight} <= ready, f"{weights}, but only {ready} are ready"

    def _capacity(self, rollout: dict[str, Any]) -> None:
        if stable := rollout.get("stable"):
            replicas = {d["metadata"]["name"]: d["spec"]["replicas"] for d in self.api.items(self._path("deployments"))}
            assert replicas.get(f"fraud-{stable}") == 1, f"stable {stable} has lost its capacity: {replicas}"

    def _evidence(self, evidence: dict[str, Any] | None) -> None:
        """What was counted since pods were first seen is what they have served since: nothing twice, nothing lost."""
        if evidence is None:
            return
        for arm in ("candidate", "stable"):
            marks = [pod["requests"] for pod in evidence.get("pods", []) if pod["revision"] == evidence[arm]]
            errors = next((c for c in evidence.get("comparisons", []) if c["name"] == "errorRate"), {})
            total, marked = errors.get(arm, {}).get("requests", 0), sum(marks)
            if not marks:
                assert total == 0, f"{arm}: {total} requests of no pod"
                continue
            at_first = self._at_first.setdefault((evidence["candidate"], evidence["began"], arm), marked - total)
            assert marked - total == at_first, f"{arm}: {total} counted from {at_first}, but the pods stand at {marked}"
            served = sum(t.good + t.bad for t in self.counters.values() if t.of == f"fraud-{evidence[arm]}")
            assert marked <= served, f"{arm}: the counters are seen at {marked}, and stand at {served}"
            self.looks += total > 0
