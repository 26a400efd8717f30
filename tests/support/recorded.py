"""Moments of the simulated world as files: what a release of Leadsman leaves behind for the next one.

`python -m support.recorded DIRECTORY` (in tests/, with the release's own code) writes one file for each situation.
"""

import json
import sys
from pathlib import Path
from typing import Any

from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.answers import Answer, Output
from support.simpod import BEGIN, Model, SimPod, model_of
from support.situations import SITUATIONS
from support.world import World

_ANY_ANSWER = (Output("label", (1,), (0,)),)


def dump(at: World) -> dict[str, Any]:
    """Everything that outlives a process."""
    policy = at.policy.model_dump(mode="json", by_alias=True, exclude_none=True) if at.policy else None
    return {
        "now": at.now,
        "generation": at.generation,
        "policy": policy,
        "spec": at.spec,
        "status": at.status,
        "gateway": at.gateway,
        "replicas": at.replicas,
        "tags": at.tags,
        "objects": list(at.objects.values()),
        "pods": [_dump_pod(pod) for pod in at.pods.values()],
    }


def load(recorded: dict[str, Any], models: dict[str, Model]) -> World:
    """The world at that moment; its models may have changed meanwhile."""
    policy = RolloutPolicySpec.model_validate(recorded["policy"]) if recorded["policy"] else None
    at = World(policy, models, gateway=recorded["gateway"], replicas=recorded["replicas"])
    at.now, at.generation = recorded["now"], recorded["generation"]
    at.spec, at.status, at.tags = recorded["spec"], recorded["status"], recorded["tags"]
    at.objects = {(raw["kind"], raw["metadata"]["name"]): raw for raw in recorded["objects"]}
    at.templates = {name: raw["spec"]["template"] for (kind, name), raw in at.objects.items() if kind == "Deployment"}
    for (kind, _), raw in at.objects.items():
        if kind == "HTTPRoute":  # the gateway of the recording did not say for which parent it answers
            raw["status"]["parents"][0].setdefault("parentRef", raw["spec"]["parentRefs"][0])
    for number, pod in enumerate(recorded["pods"]):
        template = at.templates[f"fraud-{pod['revision']}"]
        at.pods[pod["name"]] = _load_pod(
            pod, model_of(template["spec"]["initContainers"][0], at.models, at.tags), at.now
        )
        at.pods_born = max(at.pods_born, number, int(pod["name"].rpartition("-")[2]))
    for kind, name in at.objects:
        at.jobs_made[name] += kind == "Job"
    return at


def _dump_pod(pod: SimPod) -> dict[str, Any]:
    return {
        "name": pod.name,
        "revision": pod.revision,
        "started": pod.started,
        "wants": pod.wants,
        "requests": pod.requests,
        "errors": pod.errors,
        "buckets": pod.buckets,
        "answered": pod.answers[-1].seq if pod.answers else 0,
    }


def _load_pod(raw: dict[str, Any], model: Model, now: float) -> SimPod:
    known = {key: raw[key] for key in ("name", "revision", "started", "wants", "requests", "errors", "buckets")}
    pod = SimPod(model=model, **known)
    if raw["answered"]:
        pod.answers.append(Answer(raw["answered"], BEGIN.timestamp() + now, "before", _ANY_ANSWER))
    return pod


def main() -> None:
    """Write one file for each situation."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for sentence, make in SITUATIONS.items():
        name = sentence.replace(" ", "-").replace("'", "")
        (directory / f"{name}.json").write_text(json.dumps(dump(make()), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
