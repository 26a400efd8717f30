"""What was read has to be of one time: a decision by something old would take newer receipts away, or lack its own.

The status of the ModelDeployment and the list of its ModelRevisions tell on each other. Only when they disagree, as
they also do after a crash or when somebody has deleted one, is either read once more.
"""

from collections.abc import Sequence
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.core.names import child_name, model_labels
from leadsman.shell.kube import CONFLICT, MODEL_DEPLOYMENT, MODEL_REVISION, Kube, KubeError


async def refuse_older(kube: Kube, deployment: ModelDeployment, revisions: Sequence[dict[str, Any]]) -> None:
    """Raise KubeError, with status 409, when either is older than the other."""
    metadata, rollout = deployment.metadata, deployment.status.rollout
    named = [rollout.stable, *(entry and entry.revision for entry in (rollout.candidate, rollout.rejected))]
    missing = {child_name(metadata.name, revision) for revision in named if revision} - _names(revisions)
    if missing:
        again = await kube.list(MODEL_REVISION, metadata.namespace, model_labels(metadata.name))
        if found := missing & _names(again):
            lacks = ", ".join(sorted(found))
            raise KubeError(f"the list of ModelRevisions is older than the status: it lacks {lacks}", CONFLICT)
    if _last_decision(revisions) > rollout.decisions:
        raw = await kube.get(MODEL_DEPLOYMENT, metadata.namespace, metadata.name)
        if raw["metadata"]["resourceVersion"] != metadata.resource_version:
            raise KubeError(f"ModelDeployment {metadata.name} has changed while it was looked at", CONFLICT)


def _names(items: Sequence[dict[str, Any]]) -> set[str]:
    return {item["metadata"]["name"] for item in items}


def _last_decision(revisions: Sequence[dict[str, Any]]) -> int:
    receipts = (receipt for item in revisions for receipt in item.get("status", {}).get("receipts", []))
    return max((int(receipt["sequence"]) for receipt in receipts), default=0)
