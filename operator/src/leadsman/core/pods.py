"""What the serving pods of a model say: ready or not, why a model cannot serve, which bytes were fetched."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadsman.api.fields import DIGEST_PATTERN
from leadsman.core.names import FETCH_CONTAINER, REVISION_LABEL, SERVER_CONTAINER

# The exit code with which the serving image says that trying again cannot help (sysexits.h: EX_DATAERR).
PERMANENT_FAILURE = 65


@dataclass(frozen=True)
class Pod:
    """One serving pod, reduced to what decisions need."""

    name: str
    uid: str
    revision: str
    ip: str
    ready: bool
    failure: str | None
    """Why its model can never serve."""
    trouble: str | None
    """What keeps it from being ready, when something says so."""
    digest: str | None
    """The digest of the bytes it fetched."""
    restarts: int
    """How often its server has ended and was started again."""


def parse_pod(raw: Mapping[str, Any]) -> Pod:
    """Reduce a pod object."""
    status = raw.get("status", {})
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    conditions = {c.get("type"): c.get("status") for c in status.get("conditions", [])}
    leaving = "deletionTimestamp" in raw["metadata"]
    return Pod(
        name=raw["metadata"]["name"],
        uid=raw["metadata"]["uid"],
        revision=raw["metadata"].get("labels", {}).get(REVISION_LABEL, ""),
        ip=status.get("podIP", ""),
        ready=conditions.get("Ready") == "True" and not leaving,
        failure=_first(_failure(container) for container in containers),
        trouble=trouble_of(status),
        digest=_first(_digest(container) for container in containers),
        # A sidecar's are no fault of the model; an init container fetches.
        restarts=sum(
            container.get("restartCount", 0)
            for container in status.get("containerStatuses", [])
            if container.get("name") == SERVER_CONTAINER
        ),
    )


def trouble_of(status: Mapping[str, Any]) -> str | None:
    """What keeps a pod from getting on, by its status; None when nothing says so."""
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return _first(_trouble(container) for container in containers) or _unschedulable(status)


def _terminations(container: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    states = (container.get("state", {}), container.get("lastState", {}))
    return [state["terminated"] for state in states if "terminated" in state]


def _failure(container: Mapping[str, Any]) -> str | None:
    ended = [end for end in _terminations(container) if end.get("exitCode") == PERMANENT_FAILURE]
    return ended[0].get("message", "").strip() or "the model cannot be loaded" if ended else None


def _trouble(container: Mapping[str, Any]) -> str | None:
    for end in _terminations(container):
        if end.get("exitCode"):
            said = end.get("message", "").strip() or f"{end.get('reason', 'Error')}, exit code {end['exitCode']}"
            return f"container {container['name']}: {said}"
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("message"):
        return f"container {container['name']}: {waiting.get('reason', 'Waiting')}: {waiting['message']}"
    return None


def _digest(container: Mapping[str, Any]) -> str | None:
    if container.get("name") != FETCH_CONTAINER:
        return None
    for end in _terminations(container):
        if end.get("exitCode") == 0:
            try:
                said = json.loads(end.get("message", ""))
            except ValueError:
                return None
            digest = said.get("digest") if isinstance(said, dict) else None
            return digest if isinstance(digest, str) and re.fullmatch(DIGEST_PATTERN, digest) else None
    return None


def _unschedulable(status: Mapping[str, Any]) -> str | None:
    return _first(
        f"not scheduled: {condition.get('message', '')}"
        for condition in status.get("conditions", [])
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False"
    )


def _first(found: Iterable[str | None]) -> str | None:
    return next((text for text in found if text), None)
