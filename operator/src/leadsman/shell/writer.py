"""The writes of one pass, each against the very object that the pass was decided by.

An answer may be old, a process may have been paused and succeeded by another: what is written then must not undo what
is newer. So records, routes and Services carry the `resourceVersion` that was read, and the API server refuses them
with 409 when somebody has written since. Only taking traffic away waits for nobody.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from leadsman.api.base import API_VERSION
from leadsman.api.status import Mode
from leadsman.core.desired import Action
from leadsman.core.observed import Observed
from leadsman.core.owner import is_owned
from leadsman.core.route import KINDS
from leadsman.shell.kube import (
    DEPLOYMENT,
    GRPC_ROUTE,
    HORIZONTAL_POD_AUTOSCALER,
    HTTP_ROUTE,
    JOB,
    MODEL_REVISION,
    POD_DISRUPTION_BUDGET,
    ROLLOUT_ACTION,
    SCALED_OBJECT,
    SERVICE,
    Kube,
    NotFoundError,
    Resource,
    TakenError,
)
from leadsman.shell.telemetry import Metrics

_ROUTES = (HTTP_ROUTE, GRPC_ROUTE)
_AUTOSCALERS = (HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT)
_RESOURCES = {
    resource.kind: resource
    for resource in (MODEL_REVISION, DEPLOYMENT, SERVICE, JOB, POD_DISRUPTION_BUDGET, *_ROUTES, *_AUTOSCALERS)
}
# Not Deployments, whose status changes all the time while pods start: their replicas follow from what is committed.
_FENCED = (MODEL_REVISION.kind, *KINDS, SERVICE.kind)


class Writer:
    """Writes what a pass has decided. Every call raises KubeError, with status 409 where something newer is there."""

    def __init__(self, kube: Kube, metrics: Metrics, observed: Observed) -> None:
        self._kube, self._metrics, self._observed = kube, metrics, observed
        self._versions = {key: item["metadata"].get("resourceVersion") for key, item in observed.live.items()}

    async def act(self, actions: Sequence[Action], *, retreats: bool = False) -> None:
        """Apply and delete child objects, in order. What `retreats` is written whatever was written since."""
        for action in actions:
            resource, key = _RESOURCES[action.kind], (action.kind, action.name)
            self._metrics.writes.labels(action.kind).inc()
            if action.body is None:
                await self._kube.delete(resource, self._namespace, action.name)
                continue
            fenced = (action.kind in _FENCED and not (retreats and self._moves_traffic(action))) or _lets_go(action)
            body = self._against(key, action.body) if fenced else action.body
            # What carries our labels is ours; what we have not seen before may be anybody's.
            ours = key in self._versions or await self._is_ours(resource, action.name)
            self._wrote(key, await self._kube.apply(resource, body, action.subresource, force=ours))

    async def retreat(self, actions: Sequence[Action]) -> None:
        """Of these, only take traffic away."""
        await self.act([action for action in actions if self._moves_traffic(action)], retreats=True)

    async def write_receipts(self, name: str, status: dict[str, Any]) -> None:
        """Write the status of a ModelRevision."""
        key = (MODEL_REVISION.kind, name)
        body = self._against(key, status_body(MODEL_REVISION, self._namespace, name, status))
        self._metrics.writes.labels(MODEL_REVISION.kind).inc()
        self._wrote(key, await self._kube.apply(MODEL_REVISION, body, "status"))

    async def write_answer(self, name: str, status: dict[str, Any]) -> None:
        """Say on a RolloutAction what became of it. The decision is committed: who dies before says it next time."""
        self._metrics.writes.labels(ROLLOUT_ACTION.kind).inc()
        with suppress(NotFoundError):  # nobody waits for the answer any more
            await self._kube.apply(ROLLOUT_ACTION, status_body(ROLLOUT_ACTION, self._namespace, name, status), "status")

    @property
    def _namespace(self) -> str:
        return self._observed.deployment.metadata.namespace

    async def _is_ours(self, resource: Resource, name: str) -> bool:
        """Whether an object of this name is there, and was made for the model. Raises TakenError for another's.

        An apply would merge the two where no field conflicts, and the owner's end would be the end of both.
        """
        try:
            found = await self._kube.get(resource, self._namespace, name)
        except NotFoundError:
            return False
        if not is_owned(self._observed.deployment, found):
            raise TakenError(resource, name, "no owner reference of it names this ModelDeployment")
        return True

    def _moves_traffic(self, action: Action) -> bool:
        """A route; without a gateway the Service that selects stable."""
        name, is_routed = self._observed.deployment.metadata.name, self._observed.mode is Mode.GATEWAY
        return action.kind in KINDS if is_routed else (action.kind, action.name) == (SERVICE.kind, name)

    def _against(self, key: tuple[str, str], body: dict[str, Any]) -> dict[str, Any]:
        version = self._versions.get(key)
        return {**body, "metadata": {**body["metadata"], "resourceVersion": version}} if version else body

    def _wrote(self, key: tuple[str, str], stored: dict[str, Any]) -> None:
        self._versions[key] = stored["metadata"].get("resourceVersion")


def _lets_go(action: Action) -> bool:
    """A Deployment whose number of pods is not ours: had we applied one since, this would reset it to 1."""
    return action.kind == DEPLOYMENT.kind and "replicas" not in (action.body or {}).get("spec", {})


def status_body(resource: Resource, namespace: str, name: str, status: dict[str, Any]) -> dict[str, Any]:
    """A manifest of nothing but a status."""
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    }
