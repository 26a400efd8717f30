"""Autoscalers of the simulated cluster, and what server-side apply makes of a Deployment's number of pods."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

SYNC, LAG, WINDOW, MEMORY = 15, 30, 30, 300
"""Seconds: between two looks, how old what is seen is, over how long it is measured, how long a wish is remembered."""
UTILIZATION = 0.7

Objects = dict[tuple[str, str], dict[str, Any]]


@dataclass
class Autoscalers:
    """The HorizontalPodAutoscaler controller. As the real one does, it sees load late, and remembers for five minutes
    what it wanted, whatever the floor made of that.
    """

    pod_rps: float
    """Requests per second that one pod can answer."""
    asked: deque[tuple[float, Counter[str]]] = field(default_factory=lambda: deque(maxlen=LAG + WINDOW))
    wanted: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def live(self, now: float, objects: Objects, asked: Counter[str]) -> None:
        """One second, in which each revision was asked so often."""
        self.asked.append((now, asked))
        if round(now) % SYNC == 0:
            for (kind, name), raw in objects.items():
                if kind == "HorizontalPodAutoscaler" and ("Deployment", name) in objects:
                    self._sync(now, name, raw["spec"], objects["Deployment", name])

    def _sync(self, now: float, name: str, bounds: dict[str, Any], deployment: dict[str, Any]) -> None:
        revision = name.rpartition("-")[2]
        seen = [counts[revision] for at, counts in self.asked if at <= now - LAG]
        load = sum(seen) / len(seen) if seen else 0.0
        wishes = [one for one in self.wanted.get(name, []) if now - one[0] < MEMORY]
        self.wanted[name] = [*wishes, (now, ceil(load / (UTILIZATION * self.pod_rps)))]
        most = max(pods for _, pods in self.wanted[name])
        scaled(deployment, min(max(most, bounds["minReplicas"]), bounds["maxReplicas"]), "kube-controller-manager")


def scaled(deployment: dict[str, Any], replicas: int, manager: str) -> None:
    """Set the number of pods through the scale: whoever set it otherwise before loses it."""
    fields = deployment["metadata"].setdefault("managedFields", [])
    if deployment["spec"]["replicas"] != replicas:
        fields[:] = [{**entry, "fieldsV1": {}} for entry in fields if not entry.get("subresource")]
    deployment["spec"]["replicas"] = replicas
    fields[:] = [one for one in fields if (one["manager"], one.get("subresource")) != (manager, "scale")]
    fields.append({"manager": manager, "operation": "Update", "subresource": "scale", "fieldsV1": _REPLICAS})


def applied(body: dict[str, Any], old: Mapping[str, Any] | None) -> None:
    """Make of an applied Deployment what the API server does: a number that nobody sets any more is reset to 1."""
    kept = [one for one in old["metadata"].get("managedFields", []) if one.get("subresource")] if old else []
    named = body["spec"].get("replicas")
    if named is None:
        body["spec"]["replicas"] = old["spec"]["replicas"] if old and kept else 1
    elif old and old["spec"]["replicas"] != named:
        kept = []
    ours = {"manager": "leadsman", "operation": "Apply", "fieldsV1": _REPLICAS if named else {}}
    body["metadata"]["managedFields"] = [ours, *kept]


_REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
