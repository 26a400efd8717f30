"""What the cluster said, in the order in which it said it, and the lines that tell a reader of it.

Objects come in from watches, on their threads; `Timeline` turns each change that matters into one `Line`, and keeps a
`Point` per look for the chart.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.cluster import Object


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    at: float
    kind: str
    """decision, condition, weights, or a word of the demo itself."""
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Point:
    """How the rollout stood at one look."""

    at: float
    version: str
    """The candidate's version; empty without a candidate."""
    weights: Mapping[str, int]
    """Percent of requests by version, by the HTTPRoute's own word; versions without any are left out."""
    harm: Mapping[str, float]
    promotion: Mapping[str, float]


@dataclass
class View:
    """What is known of the ModelDeployment now."""

    generation: int = 0
    observed_generation: int = -1
    desired: str = ""
    stable: str = ""
    phase: str = ""
    candidate: str = ""
    """Its revision."""
    rejected: str = ""
    """Its revision."""
    versions: dict[str, str] = field(default_factory=dict)
    """Version by revision."""
    weights: dict[str, int] = field(default_factory=dict)
    """The route's weight by revision."""
    checks: tuple[Object, ...] = ()
    conditions: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Status, reason and message by type."""

    def is_condition(self, name: str, status: str, reason: str | None = None) -> bool:
        """Whether the condition stands so, for the generation that is desired now."""
        found = self.conditions.get(name, ("", "", ""))
        return self.observed_generation == self.generation and found[0] == status and reason in (None, found[1])

    def candidate_weight(self) -> int:
        """Return the candidate's weight by the route's own word."""
        return self.weights.get(self.candidate, 0) if self.candidate else 0

    def name(self, revision: str) -> str:
        """Return a revision's version, or its hash while that is not known."""
        return self.versions.get(revision, revision)


class Timeline:
    """Listens to watches and tells what changed. Safe to use from their threads."""

    def __init__(self, model: str, clock: Callable[[], float], tell: Callable[[Line], None]) -> None:
        self.view = View()
        self.lines: list[Line] = []
        self.points: list[Point] = []
        self.zero_at: dict[str, float] = {}
        """When a revision that had weight was last given none, by its version."""
        self._model = model
        self._clock = clock
        self._tell = tell
        self._seen_events: set[str] = set()
        self._changed = threading.Condition()

    def wait(self, until: Callable[[View], bool], seconds: float) -> bool:
        """Wait until the view is so; returns False when it is not after that many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: until(self.view), seconds)

    def hear_deployment(self, found: Object) -> None:
        """Take in a state of the ModelDeployment."""
        with self._changed:
            before = (self.view.conditions, self.view.phase)
            _read_deployment(self.view, found)
            if before != (self.view.conditions, self.view.phase):
                self._say_conditions(before[0])
            self._point()
            self._changed.notify_all()

    def hear_route(self, found: Object) -> None:
        """Take in a state of the HTTPRoute."""
        weights = _route_weights(found, self._model)
        with self._changed:
            for revision, weight in self.view.weights.items():
                if weight and not weights.get(revision):
                    self.zero_at[self.view.name(revision)] = self._clock()
            if weights != self.view.weights:
                self._point()
                self.view.weights = weights
                self._point()
                self._add("weights", self.weights_text())
            self._changed.notify_all()

    def hear_event(self, found: Object) -> None:
        """Take in an Event; one about another object, or one heard before, is let pass."""
        uid = found["metadata"]["uid"]
        with self._changed:
            if found.get("regarding", {}).get("kind") != "ModelDeployment" or uid in self._seen_events:
                return
            self._seen_events.add(uid)
            self._add("decision", f"{found['reason']}: {found.get('note', '')}", warning=found.get("type") == "Warning")

    def standing(self) -> str:
        """Return who serves, and the evidence when something is on trial."""
        return "  ".join(filter(None, (self.weights_text(), self.evidence_text())))

    def weights_text(self) -> str:
        """Return who gets which share, such as `1 90 %, 2 10 %`."""
        shares = [f"v{self.view.name(revision)} {weight} %" for revision, weight in self.view.weights.items() if weight]
        return ", ".join(shares) or "no route yet"

    def evidence_text(self) -> str:
        """Return each check's evidence; empty without a candidate."""
        return "; ".join(
            f"{check['name']} {check['verdict']}: harm {check['harm']:.0%}, proof {check['promotion']:.0%}"
            for check in self.view.checks
        )

    def _say_conditions(self, before: Mapping[str, tuple[str, str, str]]) -> None:
        for name in sorted({*before, *self.view.conditions}):
            status, reason, message = self.view.conditions.get(name, ("gone", "", ""))
            if before.get(name, ("", "", ""))[:2] != (status, reason):
                text = f"{name}={status}" + (f" {reason}" if reason else "") + (f": {message}" if message else "")
                self._add("condition", text, warning=name == "Stalled" and status == "True")

    def _add(self, kind: str, text: str, *, warning: bool = False) -> None:
        line = Line(self._clock(), kind, text, warning)
        self.lines.append(line)
        self._tell(line)

    def _point(self) -> None:
        self.points.append(
            Point(
                at=self._clock(),
                version=self.view.name(self.view.candidate) if self.view.candidate else "",
                weights={self.view.name(each): weight for each, weight in self.view.weights.items() if weight},
                harm={check["name"]: check["harm"] for check in self.view.checks},
                promotion={check["name"]: check["promotion"] for check in self.view.checks},
            )
        )


def _read_deployment(view: View, found: Object) -> None:
    status: dict[str, Any] = found.get("status", {})
    rollout: dict[str, Any] = status.get("rollout") or {}
    candidate: dict[str, Any] = rollout.get("candidate") or {}
    view.generation = found["metadata"]["generation"]
    view.observed_generation = status.get("observedGeneration", -1)
    view.desired = found["spec"]["model"].get("version", "")
    view.stable = status.get("stableVersion", "")
    view.phase = rollout.get("phase", "")
    view.candidate = candidate.get("revision", "")
    view.rejected = (rollout.get("rejected") or {}).get("revision", "")
    view.checks = tuple(candidate.get("checks", ()))
    view.versions |= {target["revision"]: target.get("version", "") for target in status.get("traffic", ())}
    if view.candidate and view.observed_generation == view.generation:
        view.versions[view.candidate] = view.desired
    view.conditions = {
        each["type"]: (each["status"], each.get("reason", ""), each.get("message", ""))
        for each in status.get("conditions", ())
    }


def _route_weights(found: Object, model: str) -> dict[str, int]:
    return {
        backend["name"].removeprefix(f"{model}-"): backend.get("weight", 1)
        for rule in found.get("spec", {}).get("rules", ())
        for backend in rule.get("backendRefs", ())
    }
