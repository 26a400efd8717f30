"""A model that lies on a PersistentVolumeClaim is served from there."""

from collections.abc import Iterator

import pytest

from support.cluster import ROOT, apply, eventually, get, kubectl

pytestmark = pytest.mark.cluster

SOURCE = ROOT / "examples/quickstart/models/v1.onnx"


@pytest.fixture
def claim(namespace: str, image: str) -> Iterator[str]:
    """A claim with fraud/v1.onnx on it, put there by a pod; the volume is a directory of the node."""
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/tmp/leadsman-{namespace}", "type": "DirectoryOrCreate"},
            "claimRef": {"name": "models", "namespace": namespace},
            "storageClassName": "",
        },
    }
    claimed = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
            "storageClassName": "",
        },
    }
    kubectl("-n", namespace, "create", "configmap", "model", f"--from-file=v1.onnx={SOURCE}")
    apply(
        volume, claimed, _script(namespace, image, "fill", "mkdir -p /claim/fraud && cp /model/v1.onnx /claim/fraud/")
    )
    _finished(namespace, "fill")
    try:
        yield "models"
    finally:
        apply(_script(namespace, image, "empty", "rm -rf /claim/fraud"))
        _finished(namespace, "empty")
        kubectl("delete", "persistentvolume", namespace, "--wait=false")


def _script(namespace: str, image: str, name: str, script: str) -> dict[str, object]:
    mounts = [{"name": "claim", "mountPath": "/claim"}, {"name": "model", "mountPath": "/model"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "shell",
                    "image": image,
                    "command": ["sh", "-c", script],
                    "securityContext": {"runAsUser": 0},
                    "volumeMounts": mounts,
                }
            ],
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "models"}},
                {"name": "model", "configMap": {"name": "model"}},
            ],
        },
    }


def _finished(namespace: str, pod: str) -> None:
    eventually(f"pod {pod} has done its work", lambda: get("pod", namespace, pod)["status"]["phase"] == "Succeeded")


def test_a_model_on_a_claim_is_served(namespace: str, claim: str) -> None:
    apply(
        {
            "apiVersion": "leadsman.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "fraud", "namespace": namespace},
            "spec": {"model": {"uri": f"pvc://{claim}/fraud/v1.onnx", "version": "1"}},
        }
    )
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "modeldeployment/fraud", "--timeout=90s")
    eventually(
        "the digest is on record",
        lambda: get("mrev", namespace)["items"][0]["status"].get("digest", "").startswith("sha256:"),
    )
    kubectl("-n", namespace, "delete", "modeldeployment", "fraud", "--timeout=60s")
