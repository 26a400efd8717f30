"""What a backtest reads, on loopback: a cluster with nothing but ModelRevisions, and a Prometheus without counters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from support import loopback

_RESOURCE = {
    "name": "modelrevisions",
    "singularName": "modelrevision",
    "kind": "ModelRevision",
    "shortNames": ["mrev"],
    "namespaced": True,
    "verbs": ["get", "list"],
}
_VERSION = {"groupVersion": "leadsman.dev/v1alpha1", "version": "v1alpha1"}
_GROUP = {"name": "leadsman.dev", "versions": [_VERSION], "preferredVersion": _VERSION}
_DISCOVERY: dict[str, dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_GROUP]},
    "/apis/leadsman.dev/v1alpha1": {
        "kind": "APIResourceList",
        "groupVersion": "leadsman.dev/v1alpha1",
        "resources": [_RESOURCE],
    },
}
_NO_COUNTERS = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@contextmanager
def elsewhere(revisions: list[dict[str, Any]]) -> Iterator[str]:
    """Serve both, and be a proxy to that Prometheus whatever it is called; yields the address."""
    listed = {"kind": "ModelRevisionList", "apiVersion": "leadsman.dev/v1alpha1", "metadata": {}, "items": revisions}
    answers = {
        **_DISCOVERY,
        "/apis/leadsman.dev/v1alpha1/modelrevisions": listed,
        "/apis/leadsman.dev/v1alpha1/namespaces/payments/modelrevisions": listed,
        "/api/v1/query_range": _NO_COUNTERS,
    }

    class Page(loopback.Handler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            answer = answers.get(path)
            body = json.dumps(answer or {"kind": "Status", "status": "Failure", "code": 404}).encode()
            self.answer(body, "application/json", 200 if answer else 404)

    with loopback.serving(Page) as address:
        yield address
