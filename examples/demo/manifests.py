"""The objects that the demo applies: what a user of Leadsman would write, and a small registry for the packages."""

from dataclasses import dataclass

from demo.cluster import Object
from demo.data import NAME
from demo.train import Model

NAMESPACE = "demo"
HOSTNAME = "cancer.example.com"
STORE = "model-store"
POLICY = "careful"
OURS = {"leadsman.dev/demo": "true"}
"""Marks the namespace as the demo's own: no other is ever deleted."""
_API = "leadsman.dev/v1alpha1"
STORE_PORT = 5000
_STORE_CONFIG = f"""version: 0.1
http: {{addr: ':{STORE_PORT}'}}
storage: {{filesystem: {{rootdirectory: /var/lib/registry}}}}
"""


@dataclass(frozen=True)
class GatewayAddress:
    """A Gateway by its namespace and name."""

    namespace: str
    name: str


def namespace() -> Object:
    """The demo's namespace, in which every pod must meet the restricted standard."""
    labels = {**OURS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def gateway() -> Object:
    """A Gateway of the demo's own, for a cluster that has none."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": "envoy",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }


def rollout_policy() -> Object:
    """Short steps, so that the demo is quick; the evidence that each step owes is the usual one.

    Twice as slow is tolerated, since a laptop that runs a whole cluster is not a quiet place to measure in.
    """
    steps = [{"weight": weight, "minDuration": "8s", "maxDuration": "3m"} for weight in (10, 30, 60)]
    return {
        "apiVersion": _API,
        "kind": "RolloutPolicy",
        "metadata": {"name": POLICY, "namespace": NAMESPACE},
        "spec": {
            "falseRollbackRate": 0.01,
            "steps": steps,
            "checks": [{"errorRate": {"tolerate": 0.02}}, {"latency": {"tolerateRatio": 2}}],
            "interval": "2s",
            "keepWarm": "2m",
        },
    }


def model_deployment(model: Model, gateway: GatewayAddress) -> Object:
    """The model at one version; between versions only `spec.model` differs."""
    return {
        "apiVersion": _API,
        "kind": "ModelDeployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "model": {
                "uri": f"oci://{STORE}.{NAMESPACE}.svc:{STORE_PORT}/{NAME}:{model.version}",
                "digest": model.digest,
                "version": model.version,
            },
            "runtime": {
                "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "768Mi"}},
            },
            "scaling": {"minReplicas": 2},
            "traffic": {
                "gateway": {"name": gateway.name, "namespace": gateway.namespace},
                "hostnames": [HOSTNAME],
            },
            "rolloutPolicy": {"name": POLICY},
        },
    }


def model_store(image: str) -> list[Object]:
    """An OCI registry for the packages; what is pushed to it lives as long as its pod."""
    labels = {"app": STORE}
    container = {
        "name": "registry",
        "image": image,
        "command": ["registry", "serve", "/etc/registry/config.yml"],
        "env": [{"name": "OTEL_TRACES_EXPORTER", "value": "none"}],
        "ports": [{"name": "http", "containerPort": STORE_PORT}],
        "readinessProbe": {"httpGet": {"path": "/v2/", "port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/registry", "readOnly": True},
            {"name": "data", "mountPath": "/var/lib/registry"},
        ],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": STORE}}, {"name": "data", "emptyDir": {}}],
    }
    metadata = {"name": STORE, "namespace": NAMESPACE, "labels": labels}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yml": _STORE_CONFIG}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": STORE_PORT, "targetPort": "http"}]},
        },
    ]
