"""The status of a ModelDeployment, built in one place and written in one patch."""

from datetime import datetime

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.status import MAX_TRAFFIC, Mode, ModelDeploymentStatus, TrafficTarget
from leadsman.core.conditions import Finding, conditions, stalled_conditions
from leadsman.core.observed import Observed
from leadsman.core.rollout import candidate_weight
from leadsman.core.situation import Decision, Readiness


def deployment_status(observed: Observed, decision: Decision, desired: str, now: datetime) -> ModelDeploymentStatus:
    """The whole status after a decision."""
    metadata = observed.deployment.metadata
    state = decision.state
    revisions = observed.revisions
    return ModelDeploymentStatus(
        observed_generation=metadata.generation,
        mode=observed.mode,
        mode_message=_mode_message(observed),
        url=f"http://{metadata.name}.{metadata.namespace}.svc/v2/models/{metadata.name}" if state.stable else "",
        stable_version=version_of(revisions.get(state.stable or "")),
        stable_digest=_stable_digest(observed, state.stable),
        weight=candidate_weight(state) if state.candidate else None,
        traffic=_traffic(observed),
        rollout=state,
        following=observed.deployment.status.following,
        conditions=conditions(observed, state, desired, observed.deployment.status.conditions, now),
    )


def refused_status(
    previous: ModelDeploymentStatus, generation: int, reason: Reason, message: str, now: datetime
) -> ModelDeploymentStatus:
    """The status when nothing can be done until somebody changes something: all that was so stays so."""
    finding = Finding(ready=False, reason=reason, message=message, stalled=True)
    return previous.model_copy(
        update={
            "observed_generation": generation,
            "conditions": stalled_conditions(generation, finding, previous.conditions, now),
        }
    )


def version_of(revision: ModelRevision | None) -> str:
    """A revision's version for people: the one its author gave it, else its hash."""
    if revision is None:
        return ""
    return revision.spec.model.version or revision.spec.revision


def _stable_digest(observed: Observed, stable: str | None) -> str | None:
    """What stable is pinned to. It is known here when somebody has deleted all else that knew it."""
    record = observed.revisions.get(stable or "")
    before = observed.deployment.status
    return record.spec.digest if record else before.stable_digest if before.rollout.stable == stable else None


def _mode_message(observed: Observed) -> str:
    gateway, route = observed.deployment.spec.traffic.gateway, observed.deployment.spec.traffic.route
    named = f"Gateway {gateway.name}" if gateway else f"HTTPRoute {route.name}" if route else ""
    if observed.mode is Mode.GATEWAY:
        return f"{named} splits traffic by weight"
    field = "route" if route else "gateway"
    if named:
        return f"spec.traffic.{field} is set, but the cluster has no Gateway API: traffic is switched, not split"
    return "spec.traffic.gateway is not set: traffic is switched, not split"


def _traffic(observed: Observed) -> tuple[TrafficTarget, ...]:
    """Who gets what share as it is now; not what was just decided."""
    readiness = observed.readiness()
    revisions = observed.revisions
    mirror = observed.mirror()
    copies = {mirror.revision: mirror.percent} if mirror else {}
    shares = dict.fromkeys(copies, 0) | observed.weights()
    return tuple(
        TrafficTarget(
            revision=revision,
            version=version_of(revisions.get(revision)),
            weight=weight,
            copies=copies.get(revision, 0),
            ready_replicas=readiness.get(revision, Readiness()).ready,
        )
        for revision, weight in list(shares.items())[:MAX_TRAFFIC]
    )
