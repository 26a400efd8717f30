"""How a Job of a model goes, by what the API server says of it and of its pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadsman.core.jobpods import JobPod
from leadsman.core.names import INPUTS_LABEL
from leadsman.core.observed import Observed
from leadsman.core.pods import PERMANENT_FAILURE
from leadsman.core.termination import last_words, printable

# The Job controller says why in an Event, and the operator reads none.
_NO_POD = (
    "its Job has no pod yet; if it stays so, a ResourceQuota, a LimitRange or an admission policy refuses the pod: "
    "see kubectl describe job {}"
)


@dataclass(frozen=True)
class Attempts:
    """A Job and its pods, oldest first."""

    job: str
    """The Job's name."""
    pods: Sequence[JobPod]
    ended: bool
    """The Job makes no more pods."""

    @property
    def running(self) -> bool:
        """Whether a pod is at work."""
        return any(pod.running for pod in self.pods)

    @property
    def answer(self) -> JobPod | None:
        """The pod that came to an end which trying again would not change."""
        finals = (0, PERMANENT_FAILURE)
        return next((pod for pod in self.pods if pod.exit_code in finals or pod.out_of_memory), None)

    @property
    def lost(self) -> bool:
        """Whether the Job has ended and nobody can say any more how."""
        return self.ended and not self.pods

    @property
    def progress(self) -> str:
        """Why there is no answer yet, in one phrase."""
        if self.running:
            return "it runs"
        if not self.pods:
            return _NO_POD.format(self.job)
        last = self.pods[-1]
        if not last.ended:
            return printable(last.trouble or "its pod starts")
        words = last_words(last.message) or printable(last.trouble or f"exit code {last.exit_code}")
        return f"it is tried again after: {words}"


def attempts_of(observed: Observed, body: Mapping[str, Any]) -> Attempts | None:
    """How a Job goes; None when it is not there, or was made to find out something else."""
    live = observed.live.get(("Job", body["metadata"]["name"]))
    if live is None or inputs_of(live) != inputs_of(body):
        return None
    uid = live["metadata"].get("uid", "")
    conditions = live.get("status", {}).get("conditions", [])
    ended = {condition["type"] for condition in conditions if condition.get("status") == "True"}
    return Attempts(
        job=live["metadata"]["name"],
        pods=sorted((pod for pod in observed.job_pods if pod.job == uid), key=lambda pod: pod.born),
        ended=bool(ended & {"Complete", "Failed"}),
    )


def inputs_of(job: Mapping[str, Any]) -> str | None:
    """What a Job was made to find out."""
    found = job["metadata"].get("labels", {}).get(INPUTS_LABEL)
    return found if isinstance(found, str) else None
