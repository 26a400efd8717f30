"""Events for people, in events.k8s.io/v1: one for each decision, with the words of its receipt."""

from datetime import UTC, datetime

from leadsman.api.base import API_VERSION
from leadsman.api.metadata import ObjectMeta
from leadsman.core.situation import Notice
from leadsman.shell.kube import EVENT, Kube

_NOTE_LENGTH = 1024


async def post_event(
    kube: Kube, owner: ObjectMeta, notice: Notice, sequence: int, identity: str, now: datetime
) -> None:
    """Post one decision as an Event about the ModelDeployment. Raises KubeError."""
    body = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {
            # The decision's number makes the name its own, so that a decision is one Event however often it is posted.
            "name": f"{owner.name}.{owner.uid[:8]}.{sequence}",
            "namespace": owner.namespace,
        },
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "leadsman.dev/operator",
        "reportingInstance": identity[:128],
        "action": "Rollout",
        "reason": notice.reason.value,
        # The API server counts bytes.
        "note": notice.message.encode()[:_NOTE_LENGTH].decode(errors="ignore"),
        "type": "Warning" if notice.warning else "Normal",
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": "ModelDeployment",
            "name": owner.name,
            "namespace": owner.namespace,
            "uid": owner.uid,
        },
    }
    await kube.create(EVENT, body)
