"""GitOps tools apply the same manifests over and over, through whole rollouts: nothing changes, and nobody fights."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, Api, ApiError, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.world import World
from leadsman.core.names import FIELD_MANAGER
from support.gitops import see

pytestmark = pytest.mark.apiserver

Manifest = dict[str, Any]
Sync = Callable[[Api, Manifest], object]


def path_of(manifest: Manifest) -> str:
    plural = {"ModelDeployment": "modeldeployments", "RolloutPolicy": "rolloutpolicies"}[manifest["kind"]]
    metadata = manifest["metadata"]
    return f"{LEADSMAN}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"


def server_side(api: Api, manifest: Manifest) -> object:
    """Flux's kustomize-controller, and Argo CD with ServerSideApply=true."""
    return api.apply(path_of(manifest), manifest, manager="kustomize-controller", force="true")


def merge_patch(api: Api, manifest: Manifest) -> object:
    """More than Argo CD's client-side apply, which leaves out of its patch what is there already."""
    if api.missing(path_of(manifest)):
        return api.create(path_of(manifest).rpartition("/")[0], manifest, fieldManager="argocd-controller")
    return api.patch(path_of(manifest), manifest, fieldManager="argocd-controller")


def replace(api: Api, manifest: Manifest) -> object:
    """Argo CD with Replace=true."""
    if api.missing(path_of(manifest)):
        return api.create(path_of(manifest).rpartition("/")[0], manifest, fieldManager="argocd-controller")
    while True:
        version = api.get(path_of(manifest))["metadata"]["resourceVersion"]
        metadata = {**manifest["metadata"], "resourceVersion": version}
        try:
            return api.put(path_of(manifest), {**manifest, "metadata": metadata})
        except ApiError as error:
            if error.status != 409:
                raise


SYNCS: dict[str, Sync] = {"server-side apply": server_side, "a merge patch": merge_patch, "a replacement": replace}


def manifests(namespace: str, version: str) -> list[Manifest]:
    """What is in Git."""
    return [policy(namespace, keepWarm="0s"), with_version(model(namespace), version)]


def resource_versions(it: Pilot) -> dict[str, str]:
    """Of all that the manifests name and the operator writes."""
    namespace = it.world.namespace
    paths = (
        *(f"{LEADSMAN}/namespaces/{namespace}/{kind}" for kind in ("modeldeployments", "modelrevisions")),
        f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies",
        f"apis/apps/v1/namespaces/{namespace}/deployments",
        f"api/v1/namespaces/{namespace}/services",
        f"apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes",
        f"apis/events.k8s.io/v1/namespaces/{namespace}/events",
    )
    return {
        f"{path}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for path in paths
        for item in it.world.api.items(path)
    }


def owners_of_spec(api: Api, manifest: Manifest) -> set[str]:
    """The field managers that own something of an object's spec, labels or annotations."""
    managed = api.get(path_of(manifest))["metadata"]["managedFields"]
    owning = {"f:spec", "f:metadata"}
    return {entry["manager"] for entry in managed if owning & set(entry["fieldsV1"])}


async def life(world: World, sync: Sync, *, again: bool) -> dict[str, Any]:
    """Version 1, then 2 which is good, then one that is bad; `again`: all is applied again before every pass."""
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        for version, reason in (("1", "Serving"), ("2", "Serving"), ("bad", "RolledBack")):
            in_git = manifests(world.namespace, version)
            for manifest in in_git:
                sync(world.api, manifest)
            for _ in range(30):
                await it.one_pass()
                if it.settled(reason):
                    break
                for manifest in in_git if again else ():
                    sync(world.api, manifest)
        for _ in range(8):  # the rejected revision's pods drain
            await it.one_pass()
        before, writes = resource_versions(it), len(it.kube.writes)
        for _ in range(5):
            for manifest in in_git if again else ():
                sync(world.api, manifest)
            await it.one_pass()
        assert it.kube.writes[writes:] == [], "steady state writes nothing"
        assert resource_versions(it) == before
        found = world.api.get(it.path)
        for manifest in in_git:
            assert FIELD_MANAGER not in owners_of_spec(world.api, manifest), "what is in Git stays Git's"
        return {
            "ready": it.condition("Ready"),
            "weights that users saw": it.history,
            "writes of the operator": sorted(it.kube.writes),
            "generation": found["metadata"]["generation"],
            "decisions": found["status"]["rollout"]["decisions"],
            "pods ever started": world.made,
        }


@pytest.fixture
def worlds(api: Api, new_namespace: Callable[[], str]) -> Callable[[], World]:
    """Makes a world in a namespace of its own."""
    return lambda: World(api, new_namespace())


async def test_manifests_applied_again_before_every_pass_change_nothing_and_nobody_fights(
    worlds: Callable[[], World], subtests: pytest.Subtests
) -> None:
    undisturbed = worlds()
    expected = await life(undisturbed, server_side, again=False)
    undisturbed.free_addresses()
    assert expected["ready"] == ("False", "RolledBack")
    assert expected["generation"] == 3, "one for each version that was committed"
    assert expected["weights that users saw"] == [
        {"1": 100},
        {"1": 80, "2": 20},
        {"1": 50, "2": 50},
        {"2": 100},
        {"2": 80, "bad": 20},
        {"2": 100},
    ]
    for how, sync in SYNCS.items():
        with subtests.test(f"by {how}"):
            world = worlds()
            assert await life(world, sync, again=True) == expected
            world.free_addresses()


async def test_what_argo_cd_and_flux_show_from_commit_to_commit(world: World) -> None:
    """Neither sees a commit as done before its revision is fully out, nor as failed while it may still come."""
    world.errors["bad"] = 0.3
    stored, expected = [], []
    async with pilot(world) as it:
        for version, reason, end in (
            ("1", "Serving", ("Healthy", "Current")),
            ("2", "Serving", ("Healthy", "Current")),
            ("bad", "RolledBack", ("Degraded", "Failed")),
            ("2", "Serving", ("Healthy", "Current")),
        ):
            for manifest in manifests(world.namespace, version):
                server_side(world.api, manifest)
            stored.append(world.api.get(it.path))
            for _ in range(30):
                await it.one_pass()
                stored.append(world.api.get(it.path))
                if it.settled(reason):
                    break
            expected += [("Progressing", "InProgress"), end]
    shown = [(one.argo, one.kstatus) for one in see(stored)]
    assert [both for both, _ in groupby(shown)] == expected
