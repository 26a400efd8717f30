"""A light cluster of its own for these tests, whose etcd is killed now and then."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apiserver.fixtures import Cluster, api, cluster, kubeconfig, namespace, new_namespace, world
from apiserver.kubeapi import Api
from apiserver.pilot import pilot
from faults.proxy import Proxy
from faults.scenarios import SCENARIOS, WEIGHTS, live, piloted_world
from faults.schedule import Schedule
from leadsman.shell import kube

__all__ = ["api", "cluster", "kubeconfig", "namespace", "new_namespace", "world"]


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether every kill and every schedule is to be run, which takes long."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="module")
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    """Between the operator and the API server."""

    def restart_etcd() -> None:
        cluster.stop_etcd()
        cluster.start_etcd()

    with Proxy(cluster.kubeconfig, restart_etcd).running() as proxy:
        yield proxy


@pytest.fixture
def hurt(
    api: Api, new_namespace: Callable[[], str], proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., object]:
    """Runs a scenario under a schedule and compares it with one that nothing happened to."""
    monkeypatch.setattr(kube, "_TIMEOUT_SECONDS", 0.5)
    undisturbed: dict[str, object] = {}

    async def run(scenario: str, schedule: Schedule) -> None:
        world = piloted_world(api, new_namespace())
        proxy.reset(schedule)
        try:
            async with pilot(world, kubeconfig=proxy.kubeconfig(tmp_path / "kubeconfig")) as it:
                ended = await live(it, SCENARIOS[scenario], passes=200)
        finally:
            world.free_addresses()
            print(f"{schedule}: {len(proxy.requests)} requests, {dict(proxy.hurt)}")
        assert world.history == WEIGHTS[scenario]
        # A Job that an old list does not show is made again; it finds out the same and is deleted again.
        del ended["preflights ever started"]
        assert ended == undisturbed.setdefault(scenario, ended)

    return run
