"""Pods that are ready, as a gateway knows it: by the EndpointSlices of their Service, which come somewhat later.

Until then a gateway has nobody to send a candidate's share to, and answers those requests itself, with 503.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from leadsman.core.pods import Pod

SERVICE_LABEL = "kubernetes.io/service-name"
_NOT_LISTED = "it is ready, but no EndpointSlice of its Service says so yet"


def as_listed(pods: Iterable[Pod], revision: str, slices: Sequence[Mapping[str, Any]]) -> list[Pod]:
    """The pods. One of the revision is ready only if it is listed as ready; without any list pods are believed."""
    if not slices:
        return list(pods)
    endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or []]
    # The API says that what is left out means ready.
    listed = {
        endpoint.get("targetRef", {}).get("uid")
        for endpoint in endpoints
        if endpoint.get("conditions", {}).get("ready", True)
    }
    return [
        replace(pod, ready=False, trouble=_NOT_LISTED)
        if pod.revision == revision and pod.ready and pod.uid not in listed
        else pod
        for pod in pods
    ]
