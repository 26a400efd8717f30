"""What is known of one model: its ModelDeployment, its ModelRevisions, and the RolloutActions about it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from leadsman.api.base import ApiModel
from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutaction import RolloutAction
from leadsman.api.status import RolloutState
from leadsman.cli.people.cluster import FailedError
from leadsman.core.names import MODEL_LABEL
from leadsman.shell.kube import MODEL_DEPLOYMENT, MODEL_REVISION, ROLLOUT_ACTION, Kube, NotFoundError
from leadsman.shell.validation import first_problem

Kind = TypeVar("Kind", bound=ApiModel)


@dataclass(frozen=True)
class View:
    """One model."""

    deployment: ModelDeployment
    revisions: Mapping[str, ModelRevision]
    """By their hashes."""
    actions: Sequence[RolloutAction]
    """The oldest first."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.deployment.metadata.name

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.deployment.metadata.namespace

    @property
    def rollout(self) -> RolloutState:
        """The state of the machine."""
        return self.deployment.status.rollout

    def version(self, revision: str | None) -> str:
        """A revision's version for people, else its hash."""
        record = self.revisions.get(revision or "")
        return (record.spec.model.version if record else None) or revision or ""

    def digest(self, revision: str | None) -> str:
        """What a revision's pods insist on, or were seen to have; empty where that is not known."""
        record = self.revisions.get(revision or "")
        return (record.spec.digest or record.status.digest or "") if record else ""


async def read_deployment(kube: Kube, namespace: str, name: str) -> ModelDeployment:
    """Read the ModelDeployment. Raises FailedError when there is none, and KubeError."""
    try:
        raw = await kube.get(MODEL_DEPLOYMENT, namespace, name)
    except NotFoundError as error:
        raise FailedError(
            f"there is no ModelDeployment {name} in namespace {namespace}; `kubectl get modeldeployments -A` lists them"
        ) from error
    return parsed(ModelDeployment, raw)


async def read_records(
    kube: Kube, namespace: str, name: str
) -> tuple[dict[str, ModelRevision], tuple[RolloutAction, ...]]:
    """Read what was decided about a model and asked for. Raises FailedError and KubeError."""
    revisions, actions = await asyncio.gather(
        kube.list(MODEL_REVISION, namespace, {MODEL_LABEL: name}), kube.list(ROLLOUT_ACTION, namespace, {})
    )
    records = (parsed(ModelRevision, raw) for raw in revisions)
    asked = [parsed(RolloutAction, raw) for raw in actions if raw["spec"].get("modelDeployment") == name]
    asked.sort(key=lambda action: (str(action.metadata.creation_timestamp), action.metadata.name))
    return {record.spec.revision: record for record in records}, tuple(asked)


async def look(kube: Kube, namespace: str, name: str) -> View:
    """Read all that is known of a model. Raises FailedError and KubeError."""
    deployment = await read_deployment(kube, namespace, name)
    return View(deployment, *await read_records(kube, namespace, name))


def parsed(kind: type[Kind], raw: Mapping[str, Any]) -> Kind:
    """Parse an object. Raises FailedError for one that a newer operator has written."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        name = raw["metadata"]["name"]
        raise FailedError(
            f"{kind.__name__} {name} cannot be understood: {first_problem(error)}; "
            "is this command as new as the operator?"
        ) from error
