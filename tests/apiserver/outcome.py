"""All that may not depend on when a process died, or on what went wrong on the way."""

from itertools import groupby
from typing import Any

from apiserver.kubeapi import LEADSMAN
from apiserver.world import World


def outcome(world: World) -> dict[str, Any]:
    """What has become of the model `fraud`, by the names of versions."""
    revisions = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
    version = {item["metadata"]["name"]: item["spec"]["model"]["version"] for item in revisions}
    return {
        "audit trail": {
            # Before there is a status, a lost one looks the same: the first decision of all may be recorded twice.
            version[item["metadata"]["name"]]: [
                reason for reason, _ in groupby(decision["reason"] for decision in item["status"]["receipts"])
            ]
            for item in revisions
        },
        "roles": {version[i["metadata"]["name"]]: i["metadata"]["labels"]["leadsman.dev/role"] for i in revisions},
        "outcomes": {version[item["metadata"]["name"]]: item["status"]["outcome"] for item in revisions},
        "deployments": _names(world, "apis/apps/v1", "deployments"),
        "services": _names(world, "api/v1", "services"),
        "routes": _names(world, "apis/gateway.networking.k8s.io/v1", "httproutes"),
        "pods ever started": world.made,
        "preflights ever started": {version[name.removesuffix("-preflight")]: n for name, n in world.jobs.items()},
        "what they found": {
            version[item["metadata"]["name"]]: (item["spec"].get("digest"), item["status"]["preflight"]["passed"])
            for item in revisions
        },
        "jobs": _names(world, "apis/batch/v1", "jobs"),
    }


def _names(world: World, group: str, plural: str) -> list[str]:
    items = world.api.items(f"{group}/namespaces/{world.namespace}/{plural}")
    return sorted(item["metadata"]["name"] for item in items)
