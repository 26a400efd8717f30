"""What happens to a cluster: pods that are deleted, and processes that are killed, by those who run its machines."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.cluster import eventually, get, kubectl

_LOCAL_STATE = Path(os.environ.get("LEADSMAN_CLUSTER_STATE", "/var/lib/leadsman-cluster"))
_KIND_NODE = "leadsman-control-plane"
GATEWAYS = "envoy-gateway-system"
_PROXY = "gateway.envoyproxy.io/owning-gateway-name=public"


def pods(namespace: str, *selector: str) -> list[str]:
    """The names of the pods of a namespace that are not being deleted, the oldest first."""
    found = get("pods", namespace, "", *(["-l", ",".join(selector)] if selector else []))["items"]
    found.sort(key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def serving_pods(namespace: str, revision: str) -> list[str]:
    """The pods of a revision."""
    return pods(namespace, f"leadsman.dev/revision={revision}")


def proxies() -> list[str]:
    """The gateway's pods."""
    return pods(GATEWAYS, _PROXY)


def proxy_deployment() -> str:
    """The gateway's Deployment."""
    [found] = get("deployments", GATEWAYS, "", "-l", _PROXY)["items"]
    return str(found["metadata"]["name"])


@contextmanager
def gateway_of(replicas: int) -> Iterator[None]:
    """Give the gateway as many pods meanwhile; it has one."""
    _scale_gateway(replicas)
    try:
        yield
    finally:
        _scale_gateway(1)


def _scale_gateway(replicas: int) -> None:
    patch = {"spec": {"provider": {"kubernetes": {"envoyDeployment": {"replicas": replicas}}}}}
    kubectl("-n", GATEWAYS, "patch", "envoyproxy", "local", "--type=merge", "-p", json.dumps(patch))
    name = proxy_deployment()

    def scaled() -> bool:
        found = get("deployment", GATEWAYS, name)
        return bool(found["spec"]["replicas"] == replicas == found["status"].get("availableReplicas"))

    eventually(f"the gateway has {replicas} pods", scaled)


def restarts(namespace: str, pod: str) -> int:
    """How often the pod's containers were started again."""
    statuses = get("pod", namespace, pod)["status"].get("containerStatuses", [])
    return sum(status["restartCount"] for status in statuses)


def sigkill(namespace: str, pod: str, container: str) -> None:
    """Kill a container's process where it runs: nothing inside a pod can send SIGKILL to its first process."""
    statuses = get("pod", namespace, pod)["status"]["containerStatuses"]
    [identity] = [one["containerID"].removeprefix("containerd://") for one in statuses if one["name"] == container]
    socket = _LOCAL_STATE / "run/containerd.sock"
    ctr = ["ctr", "-a", str(socket)] if socket.exists() else ["docker", "exec", _KIND_NODE, "ctr"]
    subprocess.run([*ctr, "-n", "k8s.io", "task", "kill", "-s", "SIGKILL", identity], check=True, timeout=30)


def restart(namespace: str, deployment: str) -> None:
    """Restart a Deployment as people do: new pods first, then the old ones go."""
    kubectl("-n", namespace, "rollout", "restart", f"deployment/{deployment}")
    kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=180s")
