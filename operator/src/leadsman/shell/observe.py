"""Read a ModelDeployment and all that belongs to it from the API server, freshly on every pass."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.rolloutaction import RolloutAction
from leadsman.api.rolloutpolicy import RolloutPolicy, RolloutPolicySpec
from leadsman.core.follow import desired_revision_of
from leadsman.core.jobpods import JobPod, is_job_pod, parse_job_pod
from leadsman.core.names import child_name, model_labels
from leadsman.core.observed import Observed
from leadsman.core.pods import Pod, parse_pod
from leadsman.core.queries import unknown_placeholder
from leadsman.core.reachable import SERVICE_LABEL, as_listed
from leadsman.core.variables import config_maps_of, with_values
from leadsman.shell.freshness import refuse_older
from leadsman.shell.kube import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HORIZONTAL_POD_AUTOSCALER,
    JOB,
    MODEL_DEPLOYMENT,
    MODEL_REVISION,
    POD,
    POD_DISRUPTION_BUDGET,
    ROLLOUT_ACTION,
    ROLLOUT_POLICY,
    SCALED_OBJECT,
    SERVICE,
    Kube,
    KubeError,
    NotFoundError,
)
from leadsman.shell.routes import RuleFields, optional, read_routes
from leadsman.shell.validation import first_problem

T = TypeVar("T", ModelDeployment, RolloutPolicy)

CHILDREN = (MODEL_REVISION, DEPLOYMENT, SERVICE, JOB, HORIZONTAL_POD_AUTOSCALER, POD_DISRUPTION_BUDGET)


class InvalidObjectError(Exception):
    """An object is not what its CRD says; the message names the field."""


async def read_deployment(kube: Kube, namespace: str, name: str) -> dict[str, Any] | None:
    """The raw ModelDeployment; None when it is gone or going."""
    try:
        raw = await kube.get(MODEL_DEPLOYMENT, namespace, name)
    except NotFoundError:
        return None
    return None if raw["metadata"].get("deletionTimestamp") else raw


async def observe(kube: Kube, raw: Mapping[str, Any], fields: RuleFields | None = None) -> Observed:
    """Read the rest. Raises KubeError, and InvalidObjectError for an object that cannot be understood."""
    written = parse(ModelDeployment, raw)
    config_maps = await _config_maps(kube, written)
    deployment, unknown_values = with_values(written, config_maps)
    namespace, name = deployment.metadata.namespace, deployment.metadata.name
    labels = model_labels(name)
    (policy, policy_problem), actions, (pods, jobs), routes, (scaled, has_keda), *children = await asyncio.gather(
        _policy(kube, deployment),
        _actions(kube, namespace, name),
        _pods(kube, deployment),
        read_routes(kube, deployment, fields or RuleFields()),
        optional(kube, SCALED_OBJECT, namespace, labels),
        *(kube.list(resource, namespace, labels) for resource in CHILDREN),
    )
    objects = [item for found in (*children, routes.found, scaled) for item in found]
    await refuse_older(kube, deployment, children[CHILDREN.index(MODEL_REVISION)])
    return Observed(
        deployment=deployment,
        policy=policy,
        policy_problem=policy_problem,
        pods=pods,
        job_pods=jobs,
        live={(item["kind"], item["metadata"]["name"]): item for item in objects},
        has_keda=has_keda,
        reads_config_maps=bool(config_maps),
        unknown_values=unknown_values,
        has_gateway_api=routes.has_gateway_api,
        has_grpc_routes=routes.has_grpc_routes,
        rule_fields=routes.rule_fields,
        actions=actions,
    )


async def _pods(kube: Kube, deployment: ModelDeployment) -> tuple[list[Pod], list[JobPod]]:
    """The serving pods, and those of Jobs."""
    metadata, candidate = deployment.metadata, deployment.status.rollout.candidate
    found = await kube.list(POD, metadata.namespace, model_labels(metadata.name))
    serving = [parse_pod(pod) for pod in found if not is_job_pod(pod)]
    jobs = [parse_job_pod(pod) for pod in found if is_job_pod(pod)]
    if candidate and (deployment.spec.traffic.gateway or deployment.spec.traffic.route):
        # A rollback does without.
        with suppress(KubeError):
            service = {SERVICE_LABEL: child_name(metadata.name, candidate.revision)}
            slices = await kube.list(ENDPOINT_SLICE, metadata.namespace, service)
            return as_listed(serving, candidate.revision, slices), jobs
    return serving, jobs


async def _config_maps(kube: Kube, deployment: ModelDeployment) -> dict[str, dict[str, Any] | str]:
    names = config_maps_of(deployment.spec.runtime)
    found = await asyncio.gather(*(_config_map(kube, deployment, name) for name in names))
    return dict(zip(names, found, strict=True))


async def _config_map(kube: Kube, deployment: ModelDeployment, name: str) -> dict[str, Any] | str:
    """One ConfigMap, or why it is not known. A candidate is watched on, and taken back, without knowing."""
    try:
        return await kube.get(CONFIG_MAP, deployment.metadata.namespace, name)
    except NotFoundError:
        return "does not exist"
    except KubeError as error:
        if error.retryable and deployment.status.rollout.candidate is None:
            raise
        return f"cannot be read: {error}"


async def _policy(kube: Kube, deployment: ModelDeployment) -> tuple[RolloutPolicySpec | None, str]:
    """The policy to go by; or none, and why it is of no use, in one sentence. What takes traffic away needs none."""
    state, desired = deployment.status.rollout, desired_revision_of(deployment)
    # It goes by the copy it began with; whatever becomes of the object must not end the watch on it.
    if state.candidate and desired in (None, state.candidate.wanted):
        return state.candidate.policy, ""
    if state.watch and desired in (None, state.stable):
        return state.watch.policy, ""
    reference = deployment.spec.rollout_policy
    if reference is None:
        return RolloutPolicySpec(), ""
    try:
        policy = parse(
            RolloutPolicy, await kube.get(ROLLOUT_POLICY, deployment.metadata.namespace, reference.name)
        ).spec
    except NotFoundError:
        return None, ""
    except InvalidObjectError as error:
        return None, str(error)
    if problem := unknown_placeholder(policy.checks):
        return None, f"RolloutPolicy {reference.name}: {problem}"
    return policy, ""


async def _actions(kube: Kube, namespace: str, model: str) -> list[RolloutAction]:
    """What people have asked for about one model. One that cannot be understood is nobody's request."""
    found = []
    for raw in await kube.list(ROLLOUT_ACTION, namespace, {}):
        with suppress(ValidationError):
            action = RolloutAction.model_validate(raw)
            if action.spec.model_deployment == model:
                found.append(action)
    return found


def parse(kind: type[T], raw: Mapping[str, Any]) -> T:
    """Parse an object that the API server has validated. Raises InvalidObjectError."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise InvalidObjectError(f"{kind.__name__} {raw['metadata']['name']}: {first_problem(error)}") from error
