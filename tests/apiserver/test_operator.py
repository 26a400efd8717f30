"""The operator as it runs: kopf, watches, Lease and endpoints, with the rights that the chart grants and no others."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from apiserver.kubeapi import LEADSMAN, action, model, policy, with_version
from apiserver.pilot import SERVING_IMAGE
from apiserver.running import deployment, events, free_port, operator, ready, total, turning
from apiserver.test_gitops import SYNCS, Sync, manifests
from apiserver.test_routes import own_route, path_of, rules
from apiserver.waiting import eventually, soon
from apiserver.world import World
from leadsman.shell.settings import Settings

pytestmark = pytest.mark.apiserver


async def test_who_asks_is_answered_with_the_rights_of_the_chart(world: World, settings: Settings) -> None:
    """At once: an action wakes the operator."""
    path = f"{LEADSMAN}/namespaces/{world.namespace}/rolloutactions"

    async def outcome(verb: str, name: str) -> str:
        world.api.create(path, action(world.namespace, verb, name))
        found: str = await soon(
            lambda: world.api.get(f"{path}/{name}")["status"].get("outcome"), f"{name} is decided on"
        )
        return found

    world.api.submit(policy(world.namespace), model(world.namespace))
    async with operator(settings), turning(world):
        await soon(lambda: ready(world) == ("Serving", "1"), "the first revision serves")
        assert await outcome("Pause", "first") == "Accepted"
        assert await outcome("Resume", "second") == "Accepted"
        assert await outcome("Resume", "third") == "Refused"


async def test_its_whole_life_with_the_rights_of_the_chart(world: World, settings: Settings) -> None:
    world.errors["bad"] = 0.3
    region = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "store"}, "data": {"region": "eu"}}
    world.api.create(f"api/v1/namespaces/{world.namespace}/configmaps", region)
    variable = {"name": "AWS_REGION", "valueFrom": {"configMap": "store", "key": "region"}}
    asked = model(world.namespace, runtime={"env": [variable]})
    world.api.submit(policy(world.namespace, keepWarm="2s"), asked)
    async with operator(settings), turning(world) as it:
        await soon(lambda: ready(world) == ("Serving", "1"), "the first revision serves")
        world.api.submit(with_version(asked, "2"))
        await soon(lambda: ready(world) == ("Serving", "2"), "a good candidate is promoted")
        world.api.submit(with_version(asked, "bad"))
        await soon(lambda: ready(world) == ("RolledBack", "2"), "a bad candidate is rolled back")
        await soon(lambda: it.history[-1] == {"2": 100}, "users are served by the good one")
        assert it.history == [
            {"1": 100},
            {"1": 80, "2": 20},
            {"1": 50, "2": 50},
            {"2": 100},
            {"2": 80, "bad": 20},
            {"2": 100},
        ]
        told = {"FirstRevision", "Promoted", "EvidenceFailed"}
        await soon(lambda: told <= events(world), "all is told")
        path = f"{LEADSMAN}/namespaces/{world.namespace}/modeldeployments/fraud"
        world.api.delete(path)
        await soon(lambda: world.api.missing(path), "the finalizer goes and the ModelDeployment with it", 8)


@pytest.mark.parametrize("settings", ["namespaced"], indirect=True)
async def test_a_route_by_reference_wakes_its_model_and_is_given_back_before_it_goes(
    world: World, settings: Settings
) -> None:
    steps = [{"weight": 20, "minDuration": "1h", "maxDuration": "2h"}]
    asked = model(world.namespace, traffic={"route": {"name": "own"}})
    world.api.submit(policy(world.namespace, steps=steps), asked)
    async with operator(settings), turning(world) as it:
        await soon(lambda: ready(world) == ("RouteNotAccepted", "1"), "the route is missed")
        world.api.apply(path_of(world, "own"), own_route(world), manager="kubectl")
        before = rules(world, "own")
        await soon(lambda: ready(world) == ("Serving", "1"), "the route has come")
        world.api.submit(with_version(asked, "2"))
        await soon(lambda: it.history[-1] == {"1": 80, "2": 20}, "it is split")
        path = f"{LEADSMAN}/namespaces/{world.namespace}/modeldeployments/fraud"
        world.api.delete(path)
        await soon(lambda: world.api.missing(path), "the ModelDeployment goes", 15)
        assert rules(world, "own") == before


@asynccontextmanager
async def syncing(world: World, sync: Sync, version: str) -> AsyncIterator[None]:
    """A GitOps tool that applies what is in Git every second."""

    def apply() -> None:
        for manifest in manifests(world.namespace, version):
            sync(world.api, manifest)

    async def again() -> None:
        while True:
            await asyncio.sleep(1)
            await asyncio.to_thread(apply)

    await asyncio.to_thread(apply)
    task = asyncio.ensure_future(again())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rests(port: int) -> bool:
    """Whether nothing is written for a second."""
    before = total(port, "leadsman_writes")
    time.sleep(1)
    return total(port, "leadsman_writes") == before


@pytest.mark.parametrize("settings", ["namespaced"], indirect=True)  # its writes are counted: others' models are not
@pytest.mark.parametrize("how", SYNCS)
async def test_a_tool_that_applies_the_manifests_every_second_through_a_rollout_changes_nothing(
    world: World, settings: Settings, how: str
) -> None:
    async with operator(settings), turning(world) as it:
        async with syncing(world, SYNCS[how], "1"):
            await soon(lambda: ready(world) == ("Serving", "1"), "the first revision serves")
        async with syncing(world, SYNCS[how], "2"):
            await soon(lambda: ready(world) == ("Serving", "2"), "the candidate is promoted")
            await soon(lambda: "Promoted" in events(world), "the pass has come to its end")
            await soon(lambda: rests(settings.http_port), "so have those that it woke")
            before = deployment(world)["metadata"]
            writes = await asyncio.to_thread(total, settings.http_port, "leadsman_writes")
            await asyncio.sleep(3)  # nothing is to happen in it
            after = deployment(world)["metadata"]
            assert await asyncio.to_thread(total, settings.http_port, "leadsman_writes") == writes
        assert (before["generation"], after["generation"]) == (2, 2)
        # A replacement takes the finalizer away, and kopf puts it back: no reason to do anything else.
        assert how == "a replacement" or before["resourceVersion"] == after["resourceVersion"]
        assert it.history == [{"1": 100}, {"1": 80, "2": 20}, {"1": 50, "2": 50}, {"2": 100}]


def healthy(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    return False


@pytest.mark.parametrize("settings", ["namespaced"], indirect=True)  # its writes are counted: others' models are not
async def test_restarted_it_writes_nothing_new_and_the_rejected_one_stays_out(world: World, settings: Settings) -> None:
    world.errors["bad"] = 0.3
    world.api.submit(policy(world.namespace), model(world.namespace))
    async with turning(world) as it:
        async with operator(settings):
            await soon(lambda: ready(world) == ("Serving", "1"), "the first revision serves")
            world.api.submit(with_version(model(world.namespace), "bad"))
            await soon(lambda: ready(world) == ("RolledBack", "1"), "the bad candidate is rolled back")
            await soon(lambda: it.history[-1] == {"1": 100}, "users are served by the good one")
            await soon(lambda: "EvidenceFailed" in events(world), "the pass has come to its end")
        history, before = list(it.history), deployment(world)["metadata"]["resourceVersion"]
        async with operator(settings):
            passes = partial(total, settings.http_port, "leadsman_passes")
            await soon(lambda: healthy(settings.http_port) and passes() >= 1, "a pass is done")
            world.api.submit(with_version(model(world.namespace), "bad"))  # Git syncs the same manifest again
            done = await asyncio.to_thread(passes)
            world.api.submit(policy(world.namespace, falseRollbackRate=0.02))  # wakes all that use it
            await soon(lambda: passes() > done, "the policy's change has woken a pass")
            assert await asyncio.to_thread(total, settings.http_port, "leadsman_writes") == 0
        assert it.history == history
        assert deployment(world)["metadata"]["resourceVersion"] == before


@contextmanager
def process(kubeconfig: Path, home: str, identity: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`leadsman operator` as a process of its own."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "KUBECONFIG": str(kubeconfig),
        "LEADSMAN_SERVING_IMAGE": SERVING_IMAGE,
        "LEADSMAN_LEASE_NAMESPACE": home,
        "LEADSMAN_IDENTITY": identity,
        "LEADSMAN_HTTP_PORT": str(free_port()),
        **more,
    }
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "leadsman.cli.main", "operator"], env=environment, stdout=output, stderr=output
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_a_second_process_waits_and_takes_over_when_the_first_is_told_to_stop(
    world: World, new_namespace: Callable[[], str], chart_account: Callable[..., Path], tmp_path: Path
) -> None:
    home = new_namespace()
    kubeconfig = chart_account(home, f"--set=watchNamespaces={{{world.namespace}}}")
    lease = f"apis/coordination.k8s.io/v1/namespaces/{home}/leases/leadsman"

    def holder() -> str:
        found: str = "" if world.api.missing(lease) else world.api.get(lease)["spec"].get("holderIdentity", "")
        return found

    def started(version: str) -> bool:
        items = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
        return version in [item["spec"]["model"]["version"] for item in items]

    watched = {"LEADSMAN_NAMESPACES": world.namespace}
    with process(kubeconfig, home, "first", tmp_path / "first.log", **watched) as first:
        eventually(lambda: holder() == "first", "the first process holds the Lease")
        with process(kubeconfig, home, "second", tmp_path / "second.log", **watched) as second:
            waits = tmp_path / "second.log"
            eventually(lambda: "waiting for Lease" in waits.read_text(), "the second process waits")
            world.api.submit(policy(world.namespace), model(world.namespace))
            eventually(lambda: started("1"), "the first process works")
            assert "leading" not in waits.read_text()
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=20) == 0
            eventually(lambda: holder() == "second", "the second process takes over, long before the Lease runs out", 8)
            world.api.submit(with_version(model(world.namespace), "2"))
            eventually(lambda: deployment(world)["status"]["observedGeneration"] == 2, "the second process works")
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=20) == 0


def test_a_process_that_waits_for_the_lease_stops_when_told_to(
    world: World, new_namespace: Callable[[], str], chart_account: Callable[..., Path], tmp_path: Path
) -> None:
    home = new_namespace()
    kubeconfig = chart_account(home, f"--set=watchNamespaces={{{world.namespace}}}")
    log = tmp_path / "first.log", tmp_path / "second.log"
    with process(kubeconfig, home, "first", log[0]), process(kubeconfig, home, "second", log[1]) as second:
        eventually(lambda: "waiting for Lease" in log[1].read_text(), "it waits")
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=10) == 0


def test_a_process_that_loses_the_lease_ends(
    world: World, new_namespace: Callable[[], str], chart_account: Callable[..., Path], tmp_path: Path
) -> None:
    home = new_namespace()
    kubeconfig = chart_account(home, f"--set=watchNamespaces={{{world.namespace}}}")
    lease = f"apis/coordination.k8s.io/v1/namespaces/{home}/leases/leadsman"
    log = tmp_path / "first.log"
    world.api.submit(policy(world.namespace), model(world.namespace))
    with process(kubeconfig, home, "first", log, LEADSMAN_NAMESPACES=world.namespace) as first:
        eventually(lambda: deployment(world).get("status", {}).get("observedGeneration") == 1, "it works")
        taken = {"spec": {"holderIdentity": "somebody else", "leaseDurationSeconds": 3600}}
        world.api.patch(lease, taken)
        # It tries for its 10 s to get the Lease back; then kopf's tasks have 10 s and 10 s to end.
        assert first.wait(timeout=40) == 1
        assert "was lost; ending" in log.read_text()
        assert world.api.get(lease)["spec"]["holderIdentity"] == "somebody else"
