"""Events of what belongs to a ModelDeployment, or is used by it, wake its daemon."""

from collections.abc import Mapping
from typing import Any

import kopf

from leadsman.core.names import MANAGED_BY, MODEL_LABEL
from leadsman.handlers.app import App
from leadsman.shell.kube import (
    DEPLOYMENT,
    GRPC_ROUTE,
    HORIZONTAL_POD_AUTOSCALER,
    HTTP_ROUTE,
    JOB,
    MODEL_REVISION,
    POD,
    POD_DISRUPTION_BUDGET,
    ROLLOUT_ACTION,
    ROLLOUT_POLICY,
    SCALED_OBJECT,
    SERVICE,
    Resource,
)

CHILDREN = (MODEL_REVISION, DEPLOYMENT, SERVICE, JOB, POD, GRPC_ROUTE)
TALKATIVE = (HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT, POD_DISRUPTION_BUDGET)
"""Their status changes every few seconds, which is no news: what they do is seen on the Deployment and the pods."""
_OTHERS_SECONDS = 1.0


def selector(resource: Resource) -> tuple[str, ...]:
    """A resource as kopf names it: group/version and plural, or version and plural for the core group."""
    return (resource.api_version, resource.plural)


async def child_changed(namespace: str | None, labels: Mapping[str, str], memo: App, **_: Any) -> None:
    """A child was made, changed or deleted."""
    memo.wake(namespace, labels[MODEL_LABEL])


def came_or_went(type: str | None, **_: Any) -> bool:
    """It was made or deleted, or is seen for the first time."""
    return type != "MODIFIED"


async def route_changed(namespace: str | None, name: str, labels: Mapping[str, str], memo: App, **_: Any) -> None:
    """A route was made, changed or deleted. Of somebody else's it is known who goes by it.

    Those wait a second: whoever resets such a route as soon as we write it is not to be fought at full speed.
    """
    if MANAGED_BY in labels and MODEL_LABEL in labels:
        memo.wake(namespace, labels[MODEL_LABEL])
    else:
        memo.wake_users_of(namespace, name, _OTHERS_SECONDS)


async def policy_changed(namespace: str | None, memo: App, **_: Any) -> None:
    """A policy was made, changed or deleted: whoever uses it looks again."""
    memo.wake_all(namespace)


def action_asked(namespace: str | None, spec: Mapping[str, Any], memo: App, **_: Any) -> None:
    """Somebody asked for something."""
    memo.wake(namespace, str(spec.get("modelDeployment", "")))


for _child in CHILDREN:
    kopf.on.event(*selector(_child), labels={MODEL_LABEL: kopf.PRESENT, MANAGED_BY: kopf.PRESENT}, id=_child.plural)(
        child_changed
    )
for _child in TALKATIVE:
    kopf.on.event(
        *selector(_child),
        labels={MODEL_LABEL: kopf.PRESENT, MANAGED_BY: kopf.PRESENT},
        when=came_or_went,
        id=_child.plural,
    )(child_changed)
kopf.on.event(*selector(HTTP_ROUTE))(route_changed)
kopf.on.event(*selector(ROLLOUT_POLICY))(policy_changed)
kopf.on.event(*selector(ROLLOUT_ACTION))(action_asked)
