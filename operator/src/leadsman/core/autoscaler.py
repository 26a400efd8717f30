"""Autoscalers: one for each revision that runs, which sets its number of pods within the bounds that it is given.

Each revision has its own, so no autoscaler ever sees another revision's pods, and none is told to follow another. What
it may not go below is core/floors.py's to say.
"""

import re
from collections.abc import Mapping
from typing import Any

from leadsman.api.modeldeployment import KedaTrigger, ModelDeployment, Scaling
from leadsman.core.names import FIELD_MANAGER, child_name, revision_labels
from leadsman.core.owner import owner_references

HPA_KIND, SCALED_OBJECT_KIND = "HorizontalPodAutoscaler", "ScaledObject"
AUTOSCALERS = (HPA_KIND, SCALED_OBJECT_KIND)
_TARGET_CPU = 70
_PLACEHOLDER = re.compile(r"\{\{\s*(model|namespace|revision)\s*\}\}")


def desired_autoscaler(deployment: ModelDeployment, revision: str, least: int) -> dict[str, Any]:
    """The autoscaler of a revision, which has `least` pods at least. Only for a spec with `maxReplicas`."""
    scaling, name = deployment.spec.scaling, deployment.metadata.name
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": child_name(name, revision)}
    by_cpu = scaling.keda is None
    return {
        "apiVersion": "autoscaling/v2" if by_cpu else "keda.sh/v1alpha1",
        "kind": HPA_KIND if by_cpu else SCALED_OBJECT_KIND,
        "metadata": {
            "name": child_name(name, revision),
            "namespace": deployment.metadata.namespace,
            "labels": revision_labels(name, revision),
            "ownerReferences": owner_references(deployment),
        },
        "spec": {"scaleTargetRef": target}
        | (_by_cpu(scaling, least) if by_cpu else _by_keda(deployment, revision, least)),
    }


def _by_cpu(scaling: Scaling, least: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu or _TARGET_CPU}
    return {
        "minReplicas": least,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


def _by_keda(deployment: ModelDeployment, revision: str, least: int) -> dict[str, Any]:
    scaling, metadata = deployment.spec.scaling, deployment.metadata
    names = {"model": metadata.name, "namespace": metadata.namespace, "revision": revision}
    return {
        "minReplicaCount": least,
        "maxReplicaCount": scaling.max_replicas,
        "triggers": [_trigger(trigger, names) for trigger in (scaling.keda.triggers if scaling.keda else ())],
    }


def _trigger(trigger: KedaTrigger, names: Mapping[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = trigger.model_dump(mode="json", by_alias=True, exclude_none=True)
    settings = {key: _PLACEHOLDER.sub(lambda found: names[found[1]], value) for key, value in trigger.metadata.items()}
    return written | {"metadata": settings}


def handed_over(live: Mapping[str, Any]) -> dict[str, Any] | None:
    """What has to be applied to a live Deployment's scale before its number of pods is anybody else's to set.

    A number that we alone have applied would be reset to 1 by the first apply that does not name it. Applied to the
    scale it is kept by another entry, until an autoscaler takes it over. None when that is not needed.
    """
    metadata = live["metadata"]
    if not any(_names_replicas(entry) for entry in metadata.get("managedFields", [])):
        return None
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        # Whoever scaled it since it was read is not to be undone.
        "metadata": {key: metadata[key] for key in ("name", "namespace", "resourceVersion")},
        "spec": {"replicas": live["spec"]["replicas"]},
    }


def _names_replicas(entry: Mapping[str, Any]) -> bool:
    applied = (entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))
    named = entry.get("fieldsV1", {}).get("f:spec", {})
    return applied == (FIELD_MANAGER, "Apply", "") and "f:replicas" in named
