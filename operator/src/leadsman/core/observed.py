"""What one pass has read from the API server, frozen. Everything that is decided is decided from this."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutaction import RolloutAction
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Mode
from leadsman.core.backends import Backends
from leadsman.core.jobpods import JobPod
from leadsman.core.names import REVISION_LABEL, child_name
from leadsman.core.pods import Pod
from leadsman.core.route import HTTP, RULE_FIELDS, Route, Surroundings, desired_routes, lags, unsettled
from leadsman.core.routerules import Split, mirrors_of, rules_of, shares_of
from leadsman.core.situation import Mirror, Readiness

Key = tuple[str, str]
"""Kind and name of a child object."""


@dataclass(frozen=True)
class Observed:
    """A ModelDeployment and all that belongs to it."""

    deployment: ModelDeployment
    policy: RolloutPolicySpec | None
    """None when the spec names a policy that does not exist, or is of no use."""
    policy_problem: str = ""
    """Why it is of no use, in one sentence."""
    pods: Sequence[Pod] = ()
    """Those that serve, or are to."""
    job_pods: Sequence[JobPod] = ()
    live: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    """The raw child objects: ModelRevisions, Deployments, Services, Jobs, autoscalers, routes; and the HTTPRoute of
    somebody else that the spec names or has named."""
    has_gateway_api: bool = True
    has_keda: bool = True
    reads_config_maps: bool = False
    """Whether values of the spec stand in ConfigMaps; `deployment` has them in their place."""
    unknown_values: str = ""
    """Which of them is not known, and why, in one sentence; empty when all are."""
    has_grpc_routes: bool = True
    rule_fields: frozenset[str] | None = RULE_FIELDS
    """Those of RULE_FIELDS that the cluster's HTTPRoute has; None while that is not known."""
    actions: Sequence[RolloutAction] = ()
    """What people have asked for, whether it was decided on or not."""

    @property
    def mode(self) -> Mode:
        """Gateway when the spec names one, or a route, and the cluster has the Gateway API."""
        traffic = self.deployment.spec.traffic
        return Mode.GATEWAY if (traffic.gateway or traffic.route) and self.has_gateway_api else Mode.SERVICE

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
        """The live HTTPRoute that splits traffic; empty when there is none."""
        named = self.deployment.spec.traffic.route
        return self.live.get((HTTP, named.name if named else self.deployment.metadata.name), {})

    def surroundings(self, named: Iterable[str] = ()) -> Surroundings:
        """What routes are built from besides the spec; `named` are revisions that are known besides."""
        metadata = self.deployment.metadata
        recorded = {name.removeprefix(f"{metadata.name}-") for kind, name in self.live if kind == "ModelRevision"}
        known = recorded | {pod.revision for pod in self.pods} | {*named}
        backends = Backends(metadata.name, metadata.namespace, frozenset(known), self._selected)
        return Surroundings(backends, self.live, self.rule_fields, self.has_grpc_routes)

    @property
    def _selected(self) -> str | None:
        service = self.live.get(("Service", self.deployment.metadata.name), {})
        revision: str | None = service.get("spec", {}).get("selector", {}).get(REVISION_LABEL)
        return revision

    def weights(self) -> dict[str, int]:
        """Each revision's percent of requests as the live objects have it, which is what users see."""
        if self.mode is Mode.GATEWAY:
            return next(iter(shares_of(rules_of(self.route), self.surroundings().backends)), {})
        return {self._selected: 100} if self._selected else {}

    def mirror(self) -> Mirror | None:
        """Who gets copies of which share of requests, as the live route has it."""
        if self.mode is not Mode.GATEWAY:
            return None
        return next(iter(mirrors_of(rules_of(self.route), self.surroundings().backends)), None)

    def settled(self, weights: Mapping[str, int], mirror: Mirror | None) -> str:
        """Why requests are not split and copied like this yet, in one sentence; empty when they are.

        With a gateway every live route says exactly this in every rule that names the model, and each of its gateways
        has accepted it at its present generation. Without one the Service selects the one revision. While nothing is
        stable there is nothing to be settled.
        """
        if not weights:
            return ""
        if self.mode is Mode.SERVICE:
            model = self.deployment.metadata.name
            return "" if self.weights() == weights else f"Service {model} does not select {' and '.join(weights)} yet"
        split = Split(weights, mirror)
        around, routes = self.surroundings(split.revisions), self.routes(split)
        return self.problem(split) or next(filter(None, (unsettled(one, around, split) for one in routes)), "")

    def lags(self, weights: Mapping[str, int], mirror: Mirror | None) -> bool:
        """Whether somebody else may still be sent requests, or copies of them."""
        if self.mode is Mode.SERVICE:
            return self.weights() != weights
        split = Split(weights, mirror)
        around = self.surroundings(split.revisions)
        return any(lags(one, around, split) for one in self.routes(split))

    def problem(self, split: Split) -> str:
        """What of the routes cannot be had until somebody does what it says, in one sentence; empty when all can."""
        return next((route.problem for route in self.routes(split) if route.problem), "")

    def routes(self, split: Split) -> list[Route]:
        """The routes as they are to be for a split; none without a gateway."""
        if self.mode is Mode.SERVICE:
            return []
        return desired_routes(self.deployment, self.surroundings(split.revisions), split)

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


def _record(raw: Mapping[str, Any]) -> ModelRevision | None:
    try:
        return ModelRevision.model_validate(raw)
    except ValidationError:
        # Written by hand or by a later version: no reason to stop looking after what serves.
        return None
