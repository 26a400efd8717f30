"""Who sets the number of pods: nobody ever sets it back who should not, and traffic never moves ahead of capacity."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio import client, config

from apiserver.kubeapi import CRDS, Api, established, model, policy, with_version
from apiserver.pilot import Killed, MortalKube, Pilot, pilot
from apiserver.waiting import eventually
from apiserver.world import World
from leadsman.core.autoscaler import handed_over
from leadsman.core.names import revision_labels
from leadsman.core.workload import desired_deployment
from leadsman.shell.kube import DEPLOYMENT, KubeClient, KubeError
from support.objects import model_deployment

pytestmark = pytest.mark.apiserver

SCALING = {"minReplicas": 2, "maxReplicas": 30}
ROOT = Path(__file__).parents[2]
TRIGGER = {
    "type": "prometheus",
    "metadata": {"serverAddress": "http://prometheus", "query": 'r{r="{{ revision }}"}', "threshold": "5"},
}


@pytest.fixture
async def kube(api: Api) -> AsyncIterator[KubeClient]:
    """The operator's own client."""
    configuration = client.Configuration()
    await config.load_kube_config(str(api.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as connection:
        yield KubeClient(connection)


def built(namespace: str, replicas: int | None) -> dict[str, Any]:
    """A Deployment as it is built, with or without a number of pods."""
    labels = revision_labels("fraud", "a")
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "server", "image": "serving:1"}]}}
    body = desired_deployment(model_deployment(), "a", template, replicas)
    del body["metadata"]["ownerReferences"]
    body["metadata"]["namespace"] = namespace
    return body


class TestHandover:
    """Of a Deployment's number of pods, by server-side apply."""

    async def test_a_number_that_is_no_longer_applied_is_reset_to_one(self, kube: KubeClient, namespace: str) -> None:
        """Why it has to be handed over."""
        await kube.apply(DEPLOYMENT, built(namespace, 5))
        assert (await kube.apply(DEPLOYMENT, built(namespace, None)))["spec"]["replicas"] == 1

    async def test_a_number_that_was_handed_over_stays(self, kube: KubeClient, namespace: str) -> None:
        live = await kube.apply(DEPLOYMENT, built(namespace, 5))
        scale = handed_over(live)
        assert scale is not None
        await kube.apply(DEPLOYMENT, scale, "scale")
        for _ in range(2):
            live = await kube.apply(DEPLOYMENT, built(namespace, None))
            assert live["spec"]["replicas"] == 5
        assert handed_over(live) is None

    async def test_what_an_autoscaler_has_set_stays_and_it_is_not_in_its_way(
        self, kube: KubeClient, world: World
    ) -> None:
        live = await kube.apply(DEPLOYMENT, built(world.namespace, 5))
        await kube.apply(DEPLOYMENT, handed_over(live) or {}, "scale")
        for replicas in (7, 3):
            world.scale("fraud-a", replicas)
            live = await kube.apply(DEPLOYMENT, built(world.namespace, None))
            assert live["spec"]["replicas"] == replicas

    async def test_who_scaled_it_in_between_is_not_undone(self, kube: KubeClient, world: World) -> None:
        live = await kube.apply(DEPLOYMENT, built(world.namespace, 5))
        world.scale("fraud-a", 9)
        with pytest.raises(KubeError) as refused:
            await kube.apply(DEPLOYMENT, handed_over(live) or {}, "scale")
        assert refused.value.retryable
        live = await kube.get(DEPLOYMENT, world.namespace, "fraud-a")
        assert handed_over(live) is None, "whoever scales it has taken it over"

    async def test_a_fixed_number_takes_it_back(self, kube: KubeClient, world: World) -> None:
        live = await kube.apply(DEPLOYMENT, built(world.namespace, None))
        world.scale("fraud-a", 9)
        live = await kube.apply(DEPLOYMENT, built(world.namespace, 2))
        assert live["spec"]["replicas"] == 2


def replicas(it: Pilot) -> dict[str, int]:
    """The number of pods that each version is to have."""
    found = it.world.api.items(f"apis/apps/v1/namespaces/{it.world.namespace}/deployments")
    return {it.world.version(item["metadata"]["name"]): item["spec"]["replicas"] for item in found}


def autoscalers(it: Pilot, kind: str = "autoscaling/v2", plural: str = "horizontalpodautoscalers") -> dict[str, Any]:
    """The specs of the autoscalers of each version."""
    found = it.world.api.items(f"apis/{kind}/namespaces/{it.world.namespace}/{plural}")
    return {it.world.version(item["metadata"]["name"]): item["spec"] for item in found}


async def serves(it: Pilot, version: str = "1", scaling: dict[str, Any] | None = None) -> None:
    """Submit a version, and run passes until it serves and nothing is left to do."""
    deployment = model(it.world.namespace, scaling=SCALING if scaling is None else scaling)
    it.world.api.submit(policy(it.world.namespace), with_version(deployment, version))
    await it.run(until=lambda it: it.settled("Serving") and it.serves(version), passes=80)


def enough(it: Pilot) -> bool:
    """Whether every version has the pods for its share of the requests."""
    pods = replicas(it)
    return all(pods[version] >= it.world.demand * weight / 100 for version, weight in it.weights.items())


async def test_pods_are_the_autoscalers_from_the_first_revision_on(world: World) -> None:
    world.demand = 7
    async with pilot(world) as it:
        await serves(it)
        await it.one_pass()
        assert replicas(it) == {"1": 7}
        assert (autoscalers(it)["1"]["minReplicas"], autoscalers(it)["1"]["maxReplicas"]) == (2, 30)
        world.demand = 3
        for _ in range(3):
            await it.one_pass()
        assert replicas(it) == {"1": 3}
        assert not it.wrote


async def test_a_candidate_has_the_pods_for_its_share_before_it_gets_it_and_stable_keeps_its_own(world: World) -> None:
    world.demand = 20
    async with pilot(world) as it:
        await serves(it)
        await it.one_pass()
        world.api.submit(with_version(model(world.namespace, scaling=SCALING), "2"))
        seen: list[tuple[dict[str, int], dict[str, int]]] = []
        for _ in range(60):
            await it.one_pass()
            assert enough(it), (it.weights, replicas(it))
            assert replicas(it)["1"] == 20
            seen.append((it.weights, replicas(it)))
            if it.serves("2"):
                break
        assert [weights for weights, _ in seen][-1] == {"2": 100}
        assert {weights["2"]: pods["2"] for weights, pods in seen if "2" in weights} == {20: 10, 50: 20, 100: 20}
        assert it.status["rollout"]["capacity"]["replicas"] == 20


async def test_a_rollback_finds_all_the_pods_that_it_needs(world: World) -> None:
    world.demand = 20
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await serves(it)
        await it.one_pass()
        world.api.submit(with_version(model(world.namespace, scaling=SCALING), "bad"))
        for _ in range(60):
            await it.one_pass()
            assert enough(it), (it.weights, replicas(it))
            assert replicas(it)["1"] == 20
            if it.condition("Ready") == ("False", "RolledBack"):
                break
        assert it.weights == {"1": 100}
        assert set(it.history[1]) == {"1", "bad"}, "it had its share"


async def test_autoscaling_is_turned_on_and_off_while_the_model_serves(world: World) -> None:
    world.demand = 4
    async with pilot(world) as it:
        await serves(it, scaling={"minReplicas": 4})
        assert (replicas(it), autoscalers(it)) == ({"1": 4}, {})
        await serves(it, scaling={"minReplicas": 2, "maxReplicas": 9})
        assert (replicas(it), set(autoscalers(it))) == ({"1": 4}, {"1"}), "and was never reset to 1"
        world.demand = 9
        await it.one_pass()
        await serves(it, scaling={"minReplicas": 6})
        assert (replicas(it), autoscalers(it)) == ({"1": 6}, {})
        assert world.made >= 9


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
async def test_turning_it_on_takes_no_pod_away_wherever_the_process_dies(world: World, after: bool) -> None:
    world.demand = 4
    async with pilot(world) as it:
        for write in range(1, 9):
            for fixed in (3, 4):  # so that the number is applied, and has to be handed over, every time
                await serves(it, scaling={"minReplicas": fixed})
            world.api.submit(model(world.namespace, scaling={"minReplicas": 2, "maxReplicas": 9}))
            it.kube = MortalKube(it.kube.kube, write, after)
            it.start()
            died = False
            for _ in range(3):
                try:
                    await it.one_pass()
                except Killed:
                    died = True
                    it.restart()
                assert replicas(it) == {"1": 4}
            if not died:
                break
        assert write > 3, "it handed over, let go, and made an autoscaler, and died at each of them"


@pytest.fixture
def keda(api: Api) -> Iterator[None]:
    """A cluster with KEDA's CRD, out of its Go module."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", "github.com/kedacore/keda/v2"],
        cwd=ROOT / "hack" / "tools" / "keda",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    file = Path(json.loads(done.stdout)["Dir"]) / "config/crd/bases/keda.sh_scaledobjects.yaml"
    crd = yaml.safe_load(file.read_text())
    path = f"{CRDS}/{crd['metadata']['name']}"
    api.create(CRDS, crd)
    eventually(lambda: established(api.get(path)), "KEDA's CRD is Established")
    eventually(lambda: not api.missing("apis/keda.sh/v1alpha1"), "the group is served")
    yield
    api.delete(path)
    eventually(lambda: "keda.sh" not in {group["name"] for group in api.get("apis")["groups"]}, "the group is gone")


@pytest.mark.usefixtures("keda")
async def test_keda_scales_each_revision_by_its_own_numbers(world: World) -> None:
    async with pilot(world) as it:
        await serves(it, scaling=SCALING | {"keda": {"triggers": [TRIGGER]}})
        found = autoscalers(it, "keda.sh/v1alpha1", "scaledobjects")["1"]
        stable = it.status["rollout"]["stable"]
        assert found["scaleTargetRef"]["name"] == f"fraud-{stable}"
        assert (found["minReplicaCount"], found["maxReplicaCount"]) == (2, 30)
        assert found["triggers"][0]["metadata"]["query"] == f'r{{r="{stable}"}}'
        await serves(it)
        assert autoscalers(it, "keda.sh/v1alpha1", "scaledobjects") == {}
        assert set(autoscalers(it)) == {"1"}


async def test_without_keda_it_is_said_and_what_serves_goes_on(world: World) -> None:
    async with pilot(world) as it:
        deployment = model(world.namespace, scaling=SCALING | {"keda": {"triggers": [TRIGGER]}})
        it.world.api.submit(policy(world.namespace), deployment)
        await it.run(until=lambda it: it.settled("AutoscalerMissing"))
        assert it.weights == {"1": 100}
        assert it.condition("Available") == ("True", "Serving")
        ready = next(one for one in it.status["conditions"] if one["type"] == "Ready")
        assert "needs KEDA" in ready["message"]
        world.scale(f"fraud-{it.status['rollout']['stable']}", 8)
        await it.one_pass()
        assert replicas(it) == {"1": 8}, "what serves is not scaled down for want of an autoscaler"
