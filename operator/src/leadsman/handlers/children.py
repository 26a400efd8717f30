"""Events of what belongs to a ModelDeployment, or is used by it, wake its daemon."""

from collections.abc import Mapping
from typing import Any

import kopf

from leadsman.core.names import MANAGED_BY, MODEL_LABEL
from leadsman.handlers.app import App
from leadsman.shell.kube import (
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    HTTP_ROUTE,
    JOB,
    MODEL_REVISION,
    POD,
    ROLLOUT_POLICY,
    SCALED_OBJECT,
    SERVICE,
    Resource,
)

CHILDREN = (MODEL_REVISION, DEPLOYMENT, SERVICE, JOB, POD, HTTP_ROUTE)
AUTOSCALERS = (HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT)


def selector(resource: Resource) -> tuple[str, ...]:
    """A resource as kopf names it: group/version and plural, or version and plural for the core group."""
    return (resource.api_version, resource.plural)


def child_changed(namespace: str | None, labels: Mapping[str, str], memo: App, **_: Any) -> None:
    """A child was made, changed or deleted."""
    memo.wake(namespace, labels[MODEL_LABEL])


def came_or_went(type: str | None, **_: Any) -> bool:
    """An autoscaler writes its status every few seconds, which is no news: what it does is seen on the Deployment."""
    return type != "MODIFIED"


def policy_changed(namespace: str | None, memo: App, **_: Any) -> None:
    """A policy was made, changed or deleted: whoever uses it looks again."""
    memo.wake_all(namespace)


for _child in CHILDREN:
    kopf.on.event(*selector(_child), labels={MODEL_LABEL: kopf.PRESENT, MANAGED_BY: kopf.PRESENT}, id=_child.plural)(
        child_changed
    )
for _child in AUTOSCALERS:
    kopf.on.event(
        *selector(_child),
        labels={MODEL_LABEL: kopf.PRESENT, MANAGED_BY: kopf.PRESENT},
        when=came_or_went,
        id=_child.plural,
    )(child_changed)
kopf.on.event(*selector(ROLLOUT_POLICY))(policy_changed)
