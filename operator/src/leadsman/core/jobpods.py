"""The pods of Jobs: attempts at a preflight, looks at a followed reference. None of them ever serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadsman.core.names import PREFLIGHT_LABEL, RESOLVE_LABEL
from leadsman.core.pods import trouble_of

_OUT_OF_MEMORY = "OOMKilled"


@dataclass(frozen=True)
class JobPod:
    """One attempt of a Job, reduced to what decisions need."""

    job: str
    """The UID of its Job."""
    born: str
    running: bool
    ended: bool
    exit_code: int | None
    """None while it has not ended, and where nobody knows how it did."""
    message: str
    """What it said when it ended."""
    out_of_memory: bool
    trouble: str | None
    """What keeps it from running, when something says so."""


def is_job_pod(raw: Mapping[str, Any]) -> bool:
    """Whether a pod is that of a Job of ours."""
    labels = raw["metadata"].get("labels", {})
    return PREFLIGHT_LABEL in labels or RESOLVE_LABEL in labels


def parse_job_pod(raw: Mapping[str, Any]) -> JobPod:
    """Reduce a pod of a Job."""
    metadata, status = raw["metadata"], raw.get("status", {})
    states = [container.get("state", {}) for container in status.get("containerStatuses", [])]
    end = next((state["terminated"] for state in states if "terminated" in state), None)
    owners = [owner["uid"] for owner in metadata.get("ownerReferences", []) if owner.get("kind") == "Job"]
    return JobPod(
        job=owners[0] if owners else "",
        born=metadata.get("creationTimestamp", ""),
        running=any("running" in state for state in states),
        ended=end is not None or status.get("phase") in ("Succeeded", "Failed"),
        exit_code=end.get("exitCode") if end else None,
        message=end.get("message", "") if end else "",
        out_of_memory=end is not None and end.get("reason") == _OUT_OF_MEMORY,
        trouble=trouble_of(status) or status.get("message"),
    )
