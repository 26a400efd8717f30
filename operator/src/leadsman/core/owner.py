"""Owner references: deleting a ModelDeployment deletes all that was made for it."""

from collections.abc import Mapping
from typing import Any

from leadsman.api.base import API_VERSION
from leadsman.api.modeldeployment import ModelDeployment


def owner_references(deployment: ModelDeployment) -> list[dict[str, Any]]:
    """The owner references of every child object."""
    return [
        {
            "apiVersion": API_VERSION,
            "kind": "ModelDeployment",
            "name": deployment.metadata.name,
            "uid": deployment.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def is_owned(deployment: ModelDeployment, live: Mapping[str, Any]) -> bool:
    """Whether a live object was made for the model. Labels get copied (`kubectl expose` does), owners do not."""
    owners = live.get("metadata", {}).get("ownerReferences", [])
    return any(owner.get("uid") == deployment.metadata.uid for owner in owners)
