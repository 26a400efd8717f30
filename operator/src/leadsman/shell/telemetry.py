"""The operator's own metrics, and the heartbeat behind /healthz."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# A pass that is this much overdue means that something hangs: the process should be restarted.
OVERDUE = timedelta(minutes=5)

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""


class Metrics:
    """What the operator says of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.passes = Counter(
            "leadsman_passes", "Passes over a ModelDeployment, by result.", ["result"], registry=registry
        )
        self.pass_seconds = Histogram("leadsman_pass_duration_seconds", "Duration of a pass.", registry=registry)
        self.decisions = Counter(
            "leadsman_decisions", "Decisions about revisions, by reason.", ["reason"], registry=registry
        )
        self.writes = Counter(
            "leadsman_writes", "Writes to the API server, by kind of object.", ["kind"], registry=registry
        )
        labels = ["namespace", "model"]
        self.weight = Gauge(
            "leadsman_candidate_weight", "The candidate's percent of requests.", labels, registry=registry
        )
        self.ready = Gauge(
            "leadsman_model_ready", "Whether the desired revision is fully out.", labels, registry=registry
        )

    def forget(self, key: Key) -> None:
        """Drop the series of a ModelDeployment that is gone."""
        for gauge in (self.weight, self.ready):
            # A model that never had a pass has no series.
            if key in {tuple(labels) for labels in gauge._metrics}:
                gauge.remove(*key)


class Heartbeat:
    """Knows when each ModelDeployment's next pass is due at the latest."""

    def __init__(self) -> None:
        self._due: dict[Key, datetime] = {}

    def expect(self, key: Key, due: datetime) -> None:
        """The next pass over this ModelDeployment has to be finished some time after `due`."""
        self._due[key] = due

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._due.pop(key, None)

    def overdue(self, now: datetime) -> Mapping[Key, timedelta]:
        """The ModelDeployments whose pass should have finished more than five minutes ago, and by how much."""
        return {key: now - due for key, due in self._due.items() if now - due > OVERDUE}
