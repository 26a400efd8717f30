"""Whatever happens to its requests, the operator comes to the same end by the same weights."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apiserver.fixtures import Cluster
from apiserver.kubeapi import Api
from apiserver.pilot import pilot
from faults.proxy import Proxy
from faults.scenarios import SCENARIOS, WEIGHTS, live, piloted_world
from faults.schedule import Fault, Request, Schedule, Seeded
from leadsman.shell import kube

pytestmark = pytest.mark.apiserver

_SEEDS = 100
_SEEDS_OF_A_SHORT_RUN = 1


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


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_faults_at_random_change_neither_the_end_nor_the_weights(
    hurt: Callable[..., object], subtests: pytest.Subtests, scenario: str, full: bool, request: pytest.FixtureRequest
) -> None:
    await hurt(scenario, lambda _: None)
    first = request.config.getoption("--faults-seed")
    for seed in range(first, first + (_SEEDS if full else _SEEDS_OF_A_SHORT_RUN)):
        with subtests.test(f"--faults-seed={seed}"):
            await hurt(scenario, Seeded(seed))


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_etcd_that_is_killed_in_a_pass_changes_neither(
    hurt: Callable[..., object], scenario: str, full: bool
) -> None:
    def restarts(request: Request) -> Fault | None:
        return Fault.ETCD if request.number % (23 if full else 120) == 17 else None

    await hurt(scenario, lambda _: None)
    await hurt(scenario, restarts)
