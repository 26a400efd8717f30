"""The Kubernetes API as five calls. Beside `access` the only module that knows the client library."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from kubernetes.aio import client

from leadsman.core.names import FIELD_MANAGER

_TIMEOUT_SECONDS = 30
# With a parameter, so that the client does not write the body itself.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_ESCAPE = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})(?:\\u(d[c-f][0-9a-f]{2}))?|(ud[c-f][0-9a-f]{2})|.)")


CONFLICT = 409


class KubeError(Exception):
    """The API server refused or could not be reached."""

    def __init__(self, message: str, status: int = 0, *, is_owned: bool = False) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; 0 when there was no answer."""
        self.is_owned = is_owned
        """Whether fields belong to another field manager. The other kind of 409 is a write that was overtaken."""

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anybody changing anything."""
        return self.status in (0, 401, CONFLICT, 429) or self.status >= 500


class NotFoundError(KubeError):
    """No such object, or no such kind."""


class TakenError(KubeError):
    """The name belongs to an object that is not ours."""

    def __init__(self, resource: "Resource", name: str, why: str) -> None:
        taken = f"{resource.kind} {name} is there already and is somebody else's; rename or delete it"
        super().__init__(f"{taken}: {why}", CONFLICT)

    @property
    def retryable(self) -> bool:
        """Somebody has to rename or delete something."""
        return False


@dataclass(frozen=True)
class Resource:
    """A kind of object, as its URLs name it."""

    api: str
    """`api/v1` or `apis/<group>/<version>`."""
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """The kind's apiVersion."""
        return self.api.removeprefix("apis/").removeprefix("api/")

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource; without a namespace that of all."""
        parts = [self.api, f"namespaces/{namespace}" if namespace else "", self.plural, name, subresource]
        return "/" + "/".join(part for part in parts if part)


MODEL_DEPLOYMENT = Resource("apis/leadsman.dev/v1alpha1", "modeldeployments", "ModelDeployment")
MODEL_REVISION = Resource("apis/leadsman.dev/v1alpha1", "modelrevisions", "ModelRevision")
ROLLOUT_POLICY = Resource("apis/leadsman.dev/v1alpha1", "rolloutpolicies", "RolloutPolicy")
ROLLOUT_ACTION = Resource("apis/leadsman.dev/v1alpha1", "rolloutactions", "RolloutAction")
DEPLOYMENT = Resource("apis/apps/v1", "deployments", "Deployment")
SERVICE = Resource("api/v1", "services", "Service")
JOB = Resource("apis/batch/v1", "jobs", "Job")
CONFIG_MAP = Resource("api/v1", "configmaps", "ConfigMap")
POD = Resource("api/v1", "pods", "Pod")
ENDPOINT_SLICE = Resource("apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
HTTP_ROUTE = Resource("apis/gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute")
HORIZONTAL_POD_AUTOSCALER = Resource("apis/autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECT = Resource("apis/keda.sh/v1alpha1", "scaledobjects", "ScaledObject")
GRPC_ROUTE = Resource("apis/gateway.networking.k8s.io/v1", "grpcroutes", "GRPCRoute")
# What the kinds of the Gateway API look like on this API server; everybody may read it.
GATEWAY_SCHEMA = Resource("openapi/v3/apis/gateway.networking.k8s.io", "v1", "")
SELF_SUBJECT_REVIEW = Resource("apis/authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview")
POD_DISRUPTION_BUDGET = Resource("apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget")
EVENT = Resource("apis/events.k8s.io/v1", "events", "Event")


class Kube(Protocol):
    """What the shell needs of the Kubernetes API. Every call raises KubeError, NotFoundError for a 404."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Read one object."""
        ...

    async def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Read the objects that carry all labels; those of all namespaces when none is given."""
        ...

    async def apply(
        self, resource: Resource, body: dict[str, Any], subresource: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        """Server-side apply as the one field manager.

        With `force` the fields that we name are taken over from whoever changed them; without it TakenError is raised
        for an object that is somebody else's.
        """
        ...

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        """Create one object."""
        ...

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete one object with its dependents; one that is gone already is no error."""
        ...


def as_yaml(body: Mapping[str, Any]) -> str:
    """Return JSON that is YAML, too: characters beyond U+FFFF are written as YAML escapes them, not in halves.

    A half without its other one is no character; it becomes U+FFFD.
    """
    return _ESCAPE.sub(_whole, json.dumps(body))


def _whole(escape: re.Match[str]) -> str:
    high, low, lonely = escape.groups()
    if high and low:
        return rf"\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08x}"
    return r"\ufffd" if high or lonely else escape[0]


class KubeClient:
    """`Kube` over the official client's connection, authentication and TLS.

    `may_write` is asked immediately before each write; where it says no, KubeError is raised and nothing is sent.
    """

    def __init__(self, api: client.ApiClient, may_write: Callable[[], bool] = lambda: True) -> None:
        self._api, self._may_write = api, may_write

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Read one object."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Read the objects that carry all labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found = await self._call("GET", resource.path(namespace), query={"labelSelector": selector})
        # Items of a list carry no kind of their own.
        return [
            {"kind": resource.kind, "apiVersion": resource.api_version, **item} for item in found.get("items") or []
        ]

    async def apply(
        self, resource: Resource, body: dict[str, Any], subresource: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        """Server-side apply as the one field manager."""
        metadata = body["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"], subresource)
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        try:
            return await self._call("PATCH", path, query=query, body=as_yaml(body), content_type=_APPLY)
        except KubeError as error:
            if not error.is_owned:
                raise
            raise TakenError(resource, metadata["name"], str(error)) from error

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        """Create one object."""
        path = resource.path(body["metadata"]["namespace"])
        return await self._call("POST", path, query={"fieldManager": FIELD_MANAGER}, body=body)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete one object; one that is gone already is no error."""
        try:
            await self._call("DELETE", resource.path(namespace, name), query={"propagationPolicy": "Background"})
        except NotFoundError:
            return

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: dict[str, Any] | str | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        try:
            request = await self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            if method != "GET" and not self._may_write():
                raise KubeError(f"{method} {path}: not sent, this process does not lead any more")
            response = await self._api.call_api(*request, _request_timeout=_TIMEOUT_SECONDS)
            content = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(
                f"{method} {path}: no answer from the API server: {error or type(error).__name__}"
            ) from error
        if response.status >= 400:
            raise _error(method, path, response.status, content)
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise KubeError(f"{method} {path}: {response.status}: no JSON object: {content[:200]!r}")
        return parsed


def _error(method: str, path: str, status: int, content: bytes) -> KubeError:
    try:
        answer = json.loads(content)
        reason, causes = answer["message"], (answer.get("details") or {}).get("causes") or []
        is_owned = any(cause.get("reason") == "FieldManagerConflict" for cause in causes)
    except (ValueError, LookupError, TypeError, AttributeError):
        # Whatever stands between us and the API server does not answer with a Status.
        reason, is_owned = content[:200].decode(errors="replace"), False
    kind = NotFoundError if status == 404 else KubeError
    return kind(f"{method} {path}: {status}: {reason}", status, is_owned=is_owned)
