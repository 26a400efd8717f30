"""A plain client of a kube-apiserver for tests, and the manifests that they start from."""

import base64
import json
import ssl
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import yaml

LEADSMAN = "apis/leadsman.dev/v1alpha1"
GATEWAY = "apis/gateway.networking.k8s.io/v1"
CRDS = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PLURALS = {
    "ModelDeployment": "modeldeployments",
    "RolloutPolicy": "rolloutpolicies",
    "RolloutAction": "rolloutactions",
}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class ApiError(Exception):
    """The API server refused; `message` is what a user of kubectl reads."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Api:
    """Paths are `api/v1/...` or `apis/<group>/<version>/...`; every call raises ApiError."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._http = connection(kubeconfig)

    def close(self) -> None:
        self._http.close()

    def acting_as(self, user: str, *groups: str) -> "Api":
        """The same API server as somebody else sees it; to be closed."""
        them = Api(self.kubeconfig)
        named = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        them._http.headers = httpx.Headers([*them._http.headers.multi_items(), *named])
        return them

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        response = self._http.request(
            method,
            f"/{path}",
            params=query,
            content=json.dumps(body) if body is not None else None,
            headers={"Accept": accept, "Content-Type": content_type},
        )
        answer: dict[str, Any] = response.json()
        if response.is_error:
            raise ApiError(response.status_code, answer.get("message", ""))
        return answer

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.call("GET", path, **query)

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **query)["items"]
        return found

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        return self.call("POST", path, body, **query)

    def apply(self, path: str, body: Mapping[str, Any], manager: str = "user", **query: str) -> dict[str, Any]:
        return self.call("PATCH", path, body, "application/apply-patch+yaml", fieldManager=manager, **query)

    def patch(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        return self.call("PATCH", path, body, "application/merge-patch+json", **query)

    def put(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        return self.call("PUT", path, body, **query)

    def delete(self, path: str) -> dict[str, Any]:
        return self.call("DELETE", path)

    def submit(self, *manifests: Mapping[str, Any], **query: str) -> None:
        """Apply manifests of ours as `kubectl apply --server-side` does."""
        for manifest in manifests:
            plural = _PLURALS[manifest["kind"]]
            metadata = manifest["metadata"]
            self.apply(f"{LEADSMAN}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}", manifest, **query)

    def table(self, path: str) -> dict[str, Any]:
        """A list as `kubectl get` prints it."""
        return self.call("GET", path, accept=TABLE)

    def refusal(self, path: str, body: Mapping[str, Any], **query: str) -> str:
        """The message with which the API server refuses to create an object; empty when it takes it."""
        try:
            self.create(path, body, dryRun="All", **query)
        except ApiError as error:
            return error.message
        return ""

    def missing(self, path: str) -> bool:
        try:
            self.get(path)
        except ApiError as error:
            return error.status == 404
        return False


def connection(kubeconfig: Path) -> httpx.Client:
    """A connection as the only context of a kubeconfig describes it."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = server_context(kubeconfig)
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return httpx.Client(base_url=cluster["server"], verify=tls, headers=headers, timeout=30, trust_env=False)


def server_context(kubeconfig: Path) -> ssl.SSLContext:
    """The TLS context of the only context of a kubeconfig."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    else:
        tls.load_verify_locations(cadata=_text(cluster, "certificate-authority", kubeconfig))
    if "client-certificate" in user or "client-certificate-data" in user:
        _load_client_certificate(tls, user, kubeconfig)
    return tls


def _load_client_certificate(tls: ssl.SSLContext, user: Mapping[str, str], kubeconfig: Path) -> None:
    written = []
    for part in ("client-certificate", "client-key"):
        path = kubeconfig.parent / f"{kubeconfig.name}.{part}"
        path.touch(mode=0o600)
        path.write_text(_text(user, part, kubeconfig))
        written.append(path)
    tls.load_cert_chain(*written)


def _text(of: Mapping[str, str], key: str, kubeconfig: Path) -> str:
    if data := of.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    return (kubeconfig.parent / of[key]).read_text()


def established(crd: Mapping[str, Any]) -> bool:
    """Whether the API server serves a CRD."""
    conditions = {c["type"]: c["status"] for c in crd.get("status", {}).get("conditions") or []}
    return conditions.get("Established") == "True"


def model(namespace: str, name: str = "fraud", **spec: Any) -> dict[str, Any]:
    """A ModelDeployment; `spec` replaces or adds fields of the spec, None takes one out."""
    wanted = {
        "model": {"uri": f"s3://models/{name}/1.onnx", "version": "1"},
        "traffic": {"gateway": {"name": "public", "namespace": "gateways"}},
        "rolloutPolicy": {"name": "quick"},
        **spec,
    }
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in wanted.items() if value is not None},
    }


def policy(namespace: str, name: str = "quick", **spec: Any) -> dict[str, Any]:
    """A RolloutPolicy of two steps that take no longer than their evidence."""
    wanted = {
        "steps": [{"weight": 20, "minDuration": "0s"}, {"weight": 50, "minDuration": "0s"}],
        "interval": "1s",
        "keepWarm": "1h",
        **spec,
    }
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": wanted,
    }


def action(namespace: str, verb: str, name: str = "act", **spec: Any) -> dict[str, Any]:
    """A RolloutAction about the model fraud, without who asks for it; `spec` replaces or adds fields of the spec."""
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "RolloutAction",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"modelDeployment": "fraud", "verb": verb, **spec},
    }


def with_version(deployment: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The same ModelDeployment with another version of its model."""
    changed = deepcopy(dict(deployment))
    changed["spec"]["model"] = {
        "uri": f"s3://models/{deployment['metadata']['name']}/{version}.onnx",
        "version": version,
    }
    return changed
