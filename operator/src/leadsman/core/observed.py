"""What one pass has read from the API server, frozen. Everything that is decided is decided from this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Mode
from leadsman.core.jobpods import JobPod
from leadsman.core.names import REVISION_LABEL, child_name
from leadsman.core.pods import Pod
from leadsman.core.route import KIND, route_mirror, route_weights, split_differs
from leadsman.core.routeparents import refusal
from leadsman.core.situation import Mirror, Readiness

Key = tuple[str, str]
"""Kind and name of a child object."""


@dataclass(frozen=True)
class Observed:
    """A ModelDeployment and all that belongs to it."""

    deployment: ModelDeployment
    policy: RolloutPolicySpec | None
    """None when the spec names a policy that does not exist."""
    pods: Sequence[Pod] = ()
    """Those that serve, or are to."""
    job_pods: Sequence[JobPod] = ()
    live: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    """The raw child objects: ModelRevisions, Deployments, Services, Jobs, autoscalers, the HTTPRoute."""
    has_gateway_api: bool = True
    has_keda: bool = True
    reads_config_maps: bool = False
    """Whether values of the spec stand in ConfigMaps; `deployment` has them in their place."""
    unknown_values: str = ""
    """Which of them is not known, and why, in one sentence; empty when all are."""

    @property
    def mode(self) -> Mode:
        """Gateway when the spec names one and the cluster has the Gateway API."""
        return Mode.GATEWAY if self.deployment.spec.traffic.gateway and self.has_gateway_api else Mode.SERVICE

    @property
    def revisions(self) -> dict[str, ModelRevision]:
        """The ModelRevisions by hash. A copy under another name is none, nor is one that cannot be understood."""
        found = (_record(raw) for (kind, _), raw in self.live.items() if kind == "ModelRevision")
        model = self.deployment.metadata.name
        return {
            record.spec.revision: record
            for record in found
            if record and record.metadata.name == child_name(model, record.spec.revision)
        }

    @property
    def route(self) -> Mapping[str, Any]:
        """The live HTTPRoute; empty when there is none."""
        return self.live.get((KIND, self.deployment.metadata.name), {})

    def weights(self) -> dict[str, int]:
        """Each revision's percent of requests as the live objects have it, which is what users see."""
        model = self.deployment.metadata.name
        if self.mode is Mode.GATEWAY:
            return route_weights(self.route, model)
        service = self.live.get(("Service", model), {})
        selected = service.get("spec", {}).get("selector", {}).get(REVISION_LABEL)
        return {selected: 100} if selected else {}

    def mirror(self) -> Mirror | None:
        """Who gets copies of which share of requests, as the live route has it."""
        return route_mirror(self.route, self.deployment.metadata.name) if self.mode is Mode.GATEWAY else None

    def settled(self, weights: Mapping[str, int], mirror: Mirror | None) -> str:
        """Why requests are not split and copied like this yet; empty when they are.

        With a gateway the live route says exactly this in every rule, and each of its gateways has accepted it at its
        present generation. Without one the Service selects the one revision.
        """
        model = self.deployment.metadata.name
        if self.mode is Mode.SERVICE:
            return "" if self.weights() == weights else f"Service {model} does not select {' and '.join(weights)} yet"
        if not self.route:
            return f"HTTPRoute {model} is not there yet"
        if split_differs(self.route, model, weights):
            return f"HTTPRoute {model} does not split requests as decided yet: {_words(weights)}"
        if self.mirror() != mirror:
            copies = f"{mirror.percent} % to {mirror.revision}" if mirror else "none"
            return f"HTTPRoute {model} does not copy requests as decided yet: {copies}"
        return refusal(self.route)

    @property
    def lacks_keda(self) -> bool:
        """The spec wants KEDA to scale, and the cluster has no KEDA."""
        return self.deployment.spec.scaling.keda is not None and not self.has_keda

    @property
    def has_autoscaler(self) -> bool:
        """Whether somebody else sets the number of pods."""
        return self.deployment.spec.scaling.max_replicas is not None and not self.lacks_keda

    def replicas(self) -> dict[str, int]:
        """The pods that each revision's Deployment is to have, by whoever has said so last."""
        return {
            raw.get("metadata", {}).get("labels", {}).get(REVISION_LABEL, ""): raw.get("spec", {}).get("replicas", 1)
            for (kind, _), raw in self.live.items()
            if kind == "Deployment"
        }

    def pods_of(self, revision: str) -> list[Pod]:
        """A revision's pods."""
        return [pod for pod in self.pods if pod.revision == revision]

    def readiness(self) -> dict[str, Readiness]:
        """What each revision's pods say."""
        return {revision: self._readiness(revision) for revision in {pod.revision for pod in self.pods}}

    def _readiness(self, revision: str) -> Readiness:
        pods = self.pods_of(revision)
        failures = [pod.failure for pod in pods if pod.failure]
        return Readiness(ready=sum(pod.ready for pod in pods), failure=failures[0] if failures else None)


def _words(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{share} % to {revision}" for revision, share in weights.items())


def _record(raw: Mapping[str, Any]) -> ModelRevision | None:
    try:
        return ModelRevision.model_validate(raw)
    except ValidationError:
        # Written by hand or by a later version: no reason to stop looking after what serves.
        return None
