"""Kubernetes' own HorizontalPodAutoscaler controller, and the CPU that it reads, which the tests make up."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apiserver.kubeapi import CRDS, Api, established
from apiserver.waiting import eventually

ROOT = Path(__file__).parents[2]
METRICS = "apis/metrics.k8s.io/v1beta1"
STABILIZATION = 12
"""Seconds: how long the controller remembers what it wanted, instead of five minutes."""

# What a metrics server serves by itself the API server may as well hold as custom resources.
_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {"kind": "PodMetrics", "listKind": "PodMetricsList", "plural": "pods", "singular": "pod"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@contextmanager
def autoscaler_controller(api: Api) -> Iterator[None]:
    """Run it, with a metrics API to read from."""
    built = subprocess.run(
        [ROOT / "hack" / "build-tools.sh", "kubernetes"], stdout=subprocess.PIPE, text=True, check=True
    )
    program = Path(built.stdout.strip()) / "kube-controller-manager"
    if not program.exists():
        pytest.skip(f"needs kube-controller-manager at {program}")
    path = f"{CRDS}/{_CRD['metadata']['name']}"
    api.create(CRDS, _CRD)
    eventually(lambda: established(api.get(path)), "the metrics API is Established")
    eventually(lambda: not api.missing(METRICS), "the metrics API is served")
    flags = {
        "kubeconfig": api.kubeconfig,
        "controllers": "horizontal-pod-autoscaler-controller",
        "leader-elect": "false",
        "secure-port": 0,
        "kube-api-content-type": "application/json",
        "horizontal-pod-autoscaler-sync-period": "500ms",
        "horizontal-pod-autoscaler-downscale-stabilization": f"{STABILIZATION}s",
        "horizontal-pod-autoscaler-cpu-initialization-period": "1s",
        "horizontal-pod-autoscaler-initial-readiness-delay": "1s",
    }
    command = [str(program), *(f"--{name}={value}" for name, value in flags.items())]
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "KILL", "--", *command]
    log = api.kubeconfig.with_name("kube-controller-manager.log")
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
        api.delete(path)
        eventually(lambda: "metrics.k8s.io" not in {group["name"] for group in api.get("apis")["groups"]}, "it is gone")


def use_cpu(api: Api, namespace: str, needs: dict[str, float]) -> None:
    """Let each Deployment's pods use as much CPU as would keep so many pods at 70 % of the 100m that each requests."""
    path = f"{METRICS}/namespaces/{namespace}/pods"
    for name, needed in needs.items():
        pods = api.items(f"api/v1/namespaces/{namespace}/pods", labelSelector=f"leadsman.dev/revision={_hash(name)}")
        for pod in pods:
            metadata = {"name": pod["metadata"]["name"], "labels": pod["metadata"]["labels"]}
            usage = {"cpu": f"{int(needed * 70 / len(pods) * 1e6)}n", "memory": "1Mi"}
            api.apply(
                f"{path}/{metadata['name']}",
                {
                    "apiVersion": "metrics.k8s.io/v1beta1",
                    "kind": "PodMetrics",
                    "metadata": metadata,
                    "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "window": "1s",
                    "containers": [{"name": "server", "usage": usage}],
                },
                force="true",
            )


def _hash(name: str) -> str:
    return name.rpartition("-")[2]
