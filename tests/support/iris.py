"""The quickstart's model on the real cluster, behind its gateway: the manifests, and what the cluster says of it."""

import json
from typing import Any

from support.cluster import ROOT, eventually, get

MODEL = "iris"
REQUEST: dict[str, Any] = json.loads((ROOT / "examples/quickstart/request.json").read_text())
GATEWAY = {"name": "public", "namespace": "gateways"}
ALLOW_ANY_SIGNATURE = {"signatureChange": "Allow"}
"""A policy's preflight that lets the misfit through: otherwise it would never meet a user."""


def host(namespace: str) -> str:
    """Where its users ask."""
    return f"{namespace}.example.com"


def source(store: str, version: str) -> dict[str, Any]:
    """A version in a store of `support.store`."""
    return {"uri": f"{store}/{version}.onnx", "version": version}


def model(namespace: str, source: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The ModelDeployment; `spec` is what else it says, or says otherwise."""
    usual = {
        "model": source,
        "traffic": {"gateway": GATEWAY, "hostnames": [host(namespace)]},
        "rolloutPolicy": {"name": MODEL},
    }
    return _manifest("ModelDeployment", namespace, usual | spec)


def policy(namespace: str, *steps: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Its RolloutPolicy, all as it is by default but for the steps and what `spec` says."""
    return _manifest("RolloutPolicy", namespace, {"steps": list(steps), **spec})


def _manifest(kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": spec,
    }


def step(weight: int, least: str, most: str = "1h") -> dict[str, Any]:
    """A step of a policy that takes from `least` to `most`."""
    return {"weight": weight, "minDuration": least, "maxDuration": most}


def status(namespace: str) -> dict[str, Any]:
    """Its status; empty until it has one."""
    return dict(get("mdep", namespace, MODEL).get("status", {}))


def stable_version(namespace: str, version: str) -> str:
    """Wait until this version is stable; returns its revision."""
    found = eventually(
        f"version {version} is stable",
        lambda: status(namespace) if status(namespace).get("stableVersion") == version else None,
        seconds=240,
    )
    return str(found["rollout"]["stable"])


def rules(namespace: str, kind: str = "httproute", name: str = MODEL) -> list[dict[str, Any]]:
    """The rules of its route."""
    return list(get(kind, namespace, name)["spec"]["rules"])


def route_weights(namespace: str, kind: str = "httproute", name: str = MODEL) -> list[int]:
    """The percents of the first rule of its route, stable's first."""
    return [one["weight"] for one in rules(namespace, kind, name)[0]["backendRefs"]]


def record(namespace: str, revision: str) -> dict[str, Any]:
    """The status of a revision's ModelRevision."""
    [found] = [one for one in get("mrev", namespace)["items"] if one["spec"]["revision"] == revision]
    return dict(found["status"])


def pairs(receipt: dict[str, Any]) -> int:
    """How many answers to the same requests a decision compared."""
    [agreement] = [check for check in receipt["checks"] if check["name"] == "agreement"]
    return int(agreement["candidate"]["requests"])
