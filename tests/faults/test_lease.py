"""Two operators and one Lease: one that is paused, killed, or has another clock than the other does no harm."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest

from apiserver.fixtures import Cluster
from apiserver.kubeapi import LEADSMAN, Api, model, with_version
from apiserver.waiting import eventually
from faults.pods import LoopbackWorld
from faults.process import Process, environment, started
from faults.proxy import Proxy
from faults.scenarios import WEIGHTS, fresh_world
from faults.schedule import Request

pytestmark = pytest.mark.apiserver

HOUR = 3600


@dataclass
class Pair:
    """Two replicas that share a Lease, each behind a proxy of its own, and the clocks that they go by."""

    world: LoopbackWorld
    lease: str
    proxies: tuple[Proxy, Proxy]
    starts: tuple[Callable[[], Process], Callable[[], Process]]
    clocks: tuple[Path, Path]

    @property
    def holder(self) -> str:
        api = self.world.api
        return "" if api.missing(self.lease) else str(api.get(self.lease)["spec"].get("holderIdentity", ""))

    @property
    def rollout(self) -> dict[str, Any]:
        path = f"{LEADSMAN}/namespaces/{self.world.namespace}/modeldeployments/fraud"
        found: dict[str, Any] = self.world.api.get(path).get("status", {}).get("rollout", {})
        return found

    def submit(self, version: str) -> None:
        self.world.api.submit(with_version(model(self.world.namespace), version))

    def until(self, done: Callable[[], object], says: str, seconds: float = 120) -> None:
        """Turn the world until something is so."""

        def turned() -> object:
            self.world.turn()
            return done()

        try:
            eventually(turned, says, seconds)
        except AssertionError as error:
            found = [log for clock in self.clocks if (log := clock.with_suffix(".log")).exists()]
            logs = "\n".join(log.read_text()[-8000:] for log in found)
            raise AssertionError(f"{error}: {self.world.history}; {self.rollout}; {logs}") from error

    def serves(self, *history: dict[str, int]) -> Callable[[], bool]:
        """Whether the history of weights is this."""
        return lambda: self.world.history == list(history)


@pytest.fixture
def pair(
    api: Api, cluster: Cluster, namespace: str, new_namespace: Callable[[], str], tmp_path: Path
) -> Iterator[Pair]:
    """Two replicas, not yet started."""
    home = new_namespace()
    world = fresh_world(api, namespace, LoopbackWorld, step_seconds=3, keep_warm="1h")
    with ExitStack() as stack:
        stack.callback(world.close)
        proxies, starts, clocks = [], [], []
        for name in ("first", "second"):
            proxy = stack.enter_context(Proxy(cluster.kubeconfig, lambda: None).running())
            operator = environment(proxy.kubeconfig(tmp_path / name), namespace, home, name)
            clock = tmp_path / f"{name}.clock"
            clock.write_text("0")

            def start(operator: dict[str, str] = operator, name: str = name, clock: Path = clock) -> Process:
                return stack.enter_context(started(operator, tmp_path / f"{name}.log", clock))

            proxies.append(proxy)
            starts.append(start)
            clocks.append(clock)
        lease = f"apis/coordination.k8s.io/v1/namespaces/{home}/leases/leadsman"
        yield Pair(world, lease, tuple(proxies), tuple(starts), tuple(clocks))  # type: ignore[arg-type]


@pytest.mark.parametrize("signal", [SIGSTOP, SIGKILL], ids=["paused", "killed"])
def test_a_leader_that_is_gone_when_it_has_decided_is_followed_and_one_that_comes_back_writes_nothing(
    pair: Pair, signal: int, full: bool
) -> None:
    if signal == SIGKILL and not full:
        pytest.skip("a leader that is paused is the harder case; --full runs both")
    first = pair.starts[0]()
    pair.submit("1")
    pair.until(pair.serves({"1": 100}), "the first version serves")
    gone = threading.Event()

    def when_it_gives_traffic(request: Request) -> None:
        """The decision is committed, and the route not yet written."""
        commits = request.method == "PATCH" and request.path.endswith("/modeldeployments/fraud/status")
        if commits and not gone.is_set() and pair.rollout["phase"] == "Canary":
            first.signal(signal)
            gone.set()

    pair.proxies[0].reset(after=when_it_gives_traffic)
    second = pair.starts[1]()
    pair.submit("2")
    pair.until(gone.is_set, "the leader is gone")
    pair.until(lambda: pair.holder == "second", "the other takes over")
    pair.until(pair.serves(*WEIGHTS["promote"]), "the other goes on where the first was")
    if signal == SIGSTOP:
        before = len(pair.proxies[0].requests)
        first.signal(SIGCONT)
        pair.until(lambda: first.ended() == 1, "the one that was paused ends")
        since = pair.proxies[0].requests[before:]
        assert not [str(request) for request in since if request.writes]
    pair.submit("bad")
    rolled_back = ({"2": 50, "bad": 50}, {"2": 100})
    pair.until(pair.serves(*WEIGHTS["promote"], *rolled_back), "the other leads on")
    assert second.ended() is None
    assert pair.holder == "second"


def test_clocks_that_are_set_by_an_hour_move_neither_the_lease_nor_a_rollout(pair: Pair) -> None:
    pair.clocks[1].write_text(f"{HOUR}")
    pair.starts[0]()
    pair.submit("1")
    pair.until(pair.serves({"1": 100}), "the first version serves")
    pair.starts[1]()
    asked = lambda: sum("/leases/" in request.path for request in pair.proxies[1].requests)  # noqa: E731
    pair.until(lambda: asked() >= 2, "the one that is an hour ahead has asked for the Lease")
    for seconds, version, end in ((HOUR, "2", "2"), (-HOUR, "bad", "2")):
        pair.submit(version)
        pair.until(lambda: pair.rollout["phase"] == "Canary", "it is on trial")
        pair.clocks[0].write_text(f"{seconds}")
        pair.until(lambda end=end: pair.rollout["phase"] != "Canary", "it is decided")  # type: ignore[misc]
        pair.until(lambda end=end: pair.world.history[-1] == {end: 100}, "users see it")  # type: ignore[misc]
    assert pair.world.history == [*WEIGHTS["promote"], {"2": 50, "bad": 50}, {"2": 100}]
    assert pair.holder == "first"
    assert not [str(request) for request in pair.proxies[1].requests if request.writes]
