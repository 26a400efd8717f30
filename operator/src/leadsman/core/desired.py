"""The child objects as they are to be, in the order in which they are to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadsman.api.modelrevision import ModelRevisionSpec
from leadsman.api.status import RolloutState
from leadsman.core.autoscaler import AUTOSCALERS, desired_autoscaler, handed_over
from leadsman.core.drift import drifted
from leadsman.core.floors import floor
from leadsman.core.jobs import inputs_of
from leadsman.core.names import RECORDING_ANNOTATION, ROLE_LABEL, child_name
from leadsman.core.observed import Key, Observed
from leadsman.core.owner import is_owned
from leadsman.core.podtemplate import digest_in, with_digest
from leadsman.core.retention import retained
from leadsman.core.revision import Role, desired_revision, new_revision, revision_hash, role_of
from leadsman.core.rollout import running
from leadsman.core.route import KINDS, former_routes
from leadsman.core.routerules import Pinned, Split, is_route_drifted
from leadsman.core.situation import Mirror, Readiness
from leadsman.core.workload import (
    desired_deployment,
    desired_disruption_budget,
    desired_revision_service,
    desired_stable_service,
)

# Retired ModelRevisions kept as history; the audit trail of older ones goes with them.


@dataclass(frozen=True)
class Action:
    """One write to the API server: apply `body`, or delete the object when there is none."""

    kind: str
    name: str
    body: dict[str, Any] | None = None
    subresource: str = ""


def recording_of(record: Mapping[str, Any]) -> str | None:
    """The recording on a raw ModelRevision. Whoever applies the object has to name it, or it is gone."""
    found = record["metadata"].get("annotations", {}).get(RECORDING_ANNOTATION)
    return found if isinstance(found, str) else None


def record_actions(observed: Observed, revision: str, serving_image: str, state: RolloutState) -> list[Action]:
    """Create the ModelRevision of a revision seen for the first time; it pins the pod template for good.

    One that somebody deleted under its pods is born again with the digest that they have, and stable with its own even
    if they are gone too.
    """
    name = child_name(observed.deployment.metadata.name, revision)
    if ("ModelRevision", name) in observed.live or revision != revision_hash(observed.deployment.spec):
        return []
    spec = new_revision(observed.deployment, revision, serving_image, _digest_known(observed, revision)).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    return [
        Action("ModelRevision", name, desired_revision(observed.deployment, revision, spec, role_of(revision, state)))
    ]


def _digest_known(observed: Observed, revision: str) -> str | None:
    deployment = observed.live.get(("Deployment", child_name(observed.deployment.metadata.name, revision)))
    if deployment:
        return digest_in(deployment.get("spec", {}).get("template", {}))
    status = observed.deployment.status
    return status.stable_digest if revision == status.rollout.stable else None


def pin_digest(observed: Observed, revision: str, digest: str) -> tuple[list[Action], Observed]:
    """Put the digest that a preflight has proved into the ModelRevision, once and for all.

    Returns what to write, and what will have been observed once it is: the pods that follow insist on it.
    """
    key = _record_key(observed.deployment.metadata.name, revision)
    record = observed.live[key]
    if "digest" in record["spec"]:
        return [], observed
    spec = {**record["spec"], "digest": digest}
    role = record["metadata"].get("labels", {}).get(ROLE_LABEL, Role.CANDIDATE)
    body = desired_revision(observed.deployment, revision, spec, role, recording_of(record))
    return [Action(*key, body)], replace(observed, live={**observed.live, key: {**record, "spec": spec}})


def child_actions(
    observed: Observed,
    state: RolloutState,
    weights: Mapping[str, int],
    mirror: Mirror | None,
    jobs: Sequence[dict[str, Any]] = (),
) -> list[Action]:
    """What has to be written so that the live objects are as the machine's state wants them.

    The route comes before the Deployments, so that traffic leaves a revision before its pods can; it can, because a
    weight is raised only for pods that were seen ready. Deletions come last, but for those of autoscalers.
    """
    wanted = [
        *_traffic(observed, state, weights, mirror),
        *_deployments(observed, state),
        *_autoscalers(observed, state),
        *_disruption_budgets(observed, state),
        *_records(observed, state),
        *_jobs(observed, jobs),
    ]
    applies = [action for action in wanted if _differs(observed, action)]
    kept = {(action.kind, action.name) for action in wanted}
    # What serves is never deleted because its record is missing.
    kept |= {("Deployment", child_name(observed.deployment.metadata.name, revision)) for revision in running(state)}
    surplus = [key for key, live in observed.live.items() if key not in kept and is_owned(observed.deployment, live)]
    return _in_order(applies, [Action(kind, name) for kind, name in surplus])


def _in_order(applies: list[Action], deletions: list[Action]) -> list[Action]:
    """Traffic, then autoscalers that are no longer wanted: no two may have a say over the same pods."""
    scaled = ("Deployment", *AUTOSCALERS)
    first = next((index for index, one in enumerate(applies) if one.kind in scaled), len(applies))
    retired = [one for one in deletions if one.kind in AUTOSCALERS]
    return [*applies[:first], *retired, *applies[first:], *(one for one in deletions if one not in retired)]


def _jobs(observed: Observed, bodies: Sequence[dict[str, Any]]) -> list[Action]:
    """Jobs are never changed: one that was made to find out something else goes, and the next pass makes it anew."""
    return [
        action
        for action in _apply(list(bodies))
        if (live := observed.live.get((action.kind, action.name))) is None
        or inputs_of(live) == inputs_of(action.body or {})
    ]


def _differs(observed: Observed, action: Action) -> bool:
    live = observed.live.get((action.kind, action.name), {})
    if action.kind == "Job":
        return not live
    if action.subresource or (action.kind == "Deployment" and _is_handed_over(action.body or {}, live)):
        return True
    return is_route_drifted(action.body or {}, live) if action.kind in KINDS else drifted(action.body, live)


def _is_handed_over(body: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """The number of pods is applied by us still, and is not to be any more."""
    return bool(live) and "replicas" not in body["spec"] and handed_over(live) is not None


def _traffic(
    observed: Observed, state: RolloutState, weights: Mapping[str, int], mirror: Mirror | None
) -> list[Action]:
    """The routes, before any new Service if they need none: nothing may stand in the way of a rollback."""
    services, routes = _services(observed, state), _routes(observed, state, weights, mirror)
    model = observed.deployment.metadata.name
    named = Split(weights, mirror).revisions
    needs_none = all(("Service", child_name(model, revision)) in observed.live for revision in named)
    return [*routes, *services] if needs_none else [*services, *routes]


def _services(observed: Observed, state: RolloutState) -> list[Action]:
    bodies = [desired_revision_service(observed.deployment, revision) for revision in running(state)]
    if state.stable:
        bodies.append(desired_stable_service(observed.deployment, state.stable))
    return _apply(bodies)


def _routes(observed: Observed, state: RolloutState, weights: Mapping[str, int], mirror: Mirror | None) -> list[Action]:
    if not weights:
        return []
    split = Split(weights, mirror, _pinned(observed, state))
    former = former_routes(observed.deployment, observed.surroundings(split.revisions))
    return _apply([route.body for route in (*observed.routes(split), *former) if route.body])


def _pinned(observed: Observed, state: RolloutState) -> Pinned | None:
    """Testers see the candidate as soon and as long as it has pods that are ready."""
    testers, candidate = observed.deployment.spec.traffic.testers, state.candidate
    if testers is None or candidate is None or candidate.revision not in running(state):
        return None
    ready = observed.readiness().get(candidate.revision, Readiness()).ready
    return Pinned(candidate.revision, testers.header.name, testers.header.value) if ready else None


def _deployments(observed: Observed, state: RolloutState) -> list[Action]:
    # One that was just born is recorded first; the event of its ModelRevision brings the next pass.
    revisions = observed.revisions
    known = [revision for revision in running(state) if revision in revisions and _may_run(observed, state, revision)]
    return [action for revision in known for action in _deployment(observed, state, revisions[revision].spec)]


def _deployment(observed: Observed, state: RolloutState, record: ModelRevisionSpec) -> list[Action]:
    """The Deployment, whose number of pods is an autoscaler's once it is there."""
    deployment, revision = observed.deployment, record.revision
    live = observed.live.get(("Deployment", child_name(deployment.metadata.name, revision)))
    least = floor(deployment.spec.scaling, state, observed.mode, revision)
    replicas: int | None = least
    handover = None
    if live and observed.has_autoscaler:
        replicas, handover = None, handed_over(live)
    elif live and observed.lacks_keda:
        replicas = max(least, observed.replicas().get(revision, 0))
    template = with_digest(record.pod_template, record.digest)
    body = desired_deployment(deployment, revision, template, replicas)
    name = body["metadata"]["name"]
    return [Action("Deployment", name, handover, "scale")] * bool(handover) + [Action("Deployment", name, body)]


def _autoscalers(observed: Observed, state: RolloutState) -> list[Action]:
    if not observed.has_autoscaler:
        return []
    deployment = observed.deployment
    least = {one: floor(deployment.spec.scaling, state, observed.mode, one) for one in running(state)}
    return _apply([desired_autoscaler(deployment, revision, pods) for revision, pods in least.items()])


def _disruption_budgets(observed: Observed, state: RolloutState) -> list[Action]:
    """Only where there may be more than one pod: of a single one there is nothing to keep in a drain."""
    deployment, scaling = observed.deployment, observed.deployment.spec.scaling
    several = (scaling.max_replicas or scaling.min_replicas) > 1
    return _apply([desired_disruption_budget(deployment, revision) for revision in running(state) if several])


def _may_run(observed: Observed, state: RolloutState, revision: str) -> bool:
    """A candidate whose record was deleted, and with it what its preflight has proved, gets no pods any more."""
    is_candidate = state.candidate is not None and revision == state.candidate.revision and not state.candidate.undoes
    is_there = ("Deployment", child_name(observed.deployment.metadata.name, revision)) in observed.live
    return not is_candidate or is_there or observed.revisions[revision].spec.digest is not None


def _records(observed: Observed, state: RolloutState) -> list[Action]:
    model = observed.deployment.metadata.name
    on_the_way = [one.revision for one in (state.candidate, state.rejected) if one]
    kept = retained(observed.revisions, {*running(state), *on_the_way})
    return _apply(
        [
            desired_revision(
                observed.deployment,
                revision,
                dict(observed.live[_record_key(model, revision)]["spec"]),
                role_of(revision, state),
                recording_of(observed.live[_record_key(model, revision)]),
            )
            for revision in observed.revisions
            if revision in kept
        ]
    )


def _record_key(model: str, revision: str) -> Key:
    return ("ModelRevision", child_name(model, revision))


def _apply(bodies: list[dict[str, Any]]) -> list[Action]:
    return [Action(body["kind"], body["metadata"]["name"], body) for body in bodies]
