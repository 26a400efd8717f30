"""What an earlier release left on a real API server, under the present operator: nothing restarts, rollouts go on."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apiserver.kubeapi import GATEWAY, LEADSMAN, policy
from apiserver.pilot import Pilot, pilot
from apiserver.world import World
from leadsman.core.names import FIELD_MANAGER
from support.golden import GOLDEN
from support.simpod import BEGIN

pytestmark = pytest.mark.apiserver

RECORDED = sorted((GOLDEN / "upgrade").iterdir())
PATHS = {
    "ModelRevision": f"{LEADSMAN}/namespaces/{{}}/modelrevisions",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "HTTPRoute": f"{GATEWAY}/namespaces/{{}}/httproutes",
}


def restore(world: World, recorded: dict[str, Any]) -> None:
    """Put everything onto the API server as the earlier release did, under the uid that the owner has here.

    Strictly: a field that the present schema has lost would be refused.
    """
    api, namespace = world.api, world.namespace
    spec = recorded["policy"] or {}
    api.submit({**policy(namespace, "careful"), "spec": spec}, fieldValidation="Strict")
    deployment = {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud", "namespace": namespace},
    }
    api.submit({**deployment, "spec": recorded["spec"]}, fieldValidation="Strict")
    path = f"{LEADSMAN}/namespaces/{namespace}/modeldeployments/fraud"
    seen = 1 if recorded["status"]["observedGeneration"] == recorded["generation"] else 0
    status = {**recorded["status"], "observedGeneration": seen}
    uid = api.apply(
        f"{path}/status", {**deployment, "status": status}, manager=FIELD_MANAGER, fieldValidation="Strict"
    )["metadata"]["uid"]
    for raw in recorded["objects"]:
        metadata = {key: raw["metadata"][key] for key in ("name", "labels", "annotations") if key in raw["metadata"]}
        owner = {**raw["metadata"]["ownerReferences"][0], "uid": uid}
        body = {**raw, "metadata": {**metadata, "namespace": namespace, "ownerReferences": [owner]}}
        written = body.pop("status", None)
        where = f"{PATHS[raw['kind']].format(namespace)}/{metadata['name']}"
        api.apply(where, body, manager=FIELD_MANAGER, fieldValidation="Strict")
        if raw["kind"] == "ModelRevision" and written:
            body["metadata"] = {"name": metadata["name"], "namespace": namespace}
            api.apply(f"{where}/status", {**body, "status": written}, manager=FIELD_MANAGER, fieldValidation="Strict")


def deployments(it: Pilot) -> dict[str, str]:
    """The resource versions of all Deployments."""
    items = it.world.api.items(PATHS["Deployment"].format(it.world.namespace))
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}


def records(it: Pilot) -> dict[str, Any]:
    """The specs of all ModelRevisions."""
    items = it.world.api.items(PATHS["ModelRevision"].format(it.world.namespace))
    return {item["metadata"]["name"]: item["spec"] for item in items}


def copies(it: Pilot) -> bool:
    """The candidate's next step has begun, and the route says so."""
    [route] = it.world.api.items(PATHS["HTTPRoute"].format(it.world.namespace))
    return it.status["rollout"]["phase"] == "Shadow" and "requestMirror" in json.dumps(route["spec"])


def out(it: Pilot) -> bool:
    return it.serves("2")


def settled(reason: str) -> Callable[[Pilot], bool]:
    return lambda it: it.settled(reason)


ONE, TWENTY, HALF, TWO = {"1": 100}, {"1": 80, "2": 20}, {"1": 50, "2": 50}, {"2": 100}
GOES_ON: dict[str, tuple[Callable[[Pilot], bool], list[dict[str, int]]]] = {
    "the desired revision is fully out": (settled("Serving"), [ONE]),
    "a candidate is in preflight": (copies, [ONE]),
    "a candidates pods are prepared": (copies, [ONE]),
    "a candidate gets copies": (copies, [ONE]),
    "a candidate gets its first weight": (out, [TWENTY, HALF, TWO]),
    "a candidate gets its last weight": (out, [HALF, TWO]),
    "a candidate is held after its maxDuration": (out, [TWENTY, HALF, TWO]),
    "a candidate was just promoted": (settled("Serving"), [TWO]),
    "a candidate was rolled back a moment ago": (settled("RolledBack"), [ONE]),
    "a candidate was rejected by its preflight": (settled("PreflightFailed"), [ONE]),
    "the policy is missing": (settled("PolicyNotFound"), [ONE]),
}
"""By the moment of the upgrade: what comes next, and the weights on the way there."""


@pytest.mark.parametrize("release", RECORDED, ids=lambda path: path.name)
@pytest.mark.parametrize("moment", GOES_ON)
async def test_the_rollout_of_an_earlier_release_goes_on_and_no_deployment_is_written(
    world: World, release: Path, moment: str
) -> None:
    recorded = json.loads((release / f"{moment.replace(' ', '-')}.json").read_text())
    restore(world, recorded)
    if recorded["policy"] is None:
        world.api.delete(f"{LEADSMAN}/namespaces/{world.namespace}/rolloutpolicies/careful")
    until, weights = GOES_ON[moment]
    async with pilot(world) as it:
        it.now = BEGIN + timedelta(seconds=recorded["now"])
        world.turn()
        running, known = deployments(it), records(it)
        await it.run(until=until)
        assert it.history == weights
        assert running.items() <= deployments(it).items()
        now = records(it)  # a digest may have been pinned meanwhile
        assert {name: now[name] | spec for name, spec in known.items()} == {name: now[name] for name in known}
