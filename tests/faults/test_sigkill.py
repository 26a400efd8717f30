"""The real operator, killed with SIGKILL at its requests one after the other, or hurt in all ways, has the same end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, Api, model, with_version
from apiserver.outcome import outcome
from faults.pods import LoopbackWorld
from faults.process import Process, environment
from faults.proxy import Proxy
from faults.scenarios import SCENARIOS, WEIGHTS, Stage, fresh_world
from faults.schedule import Request, Schedule, Seeded, no_faults

pytestmark = pytest.mark.apiserver

_SECONDS = 240
_SEEDS = 10
# Of a pass, some ten requests are reads; a process that starts makes some thirty before its first pass.
_APART, _LAST = 12, 160
_SHORT = {"promote": [(21, True)], "rollback": [(24, False)], "supersede": [(27, True)]}


@dataclass
class Life:
    """The operator's processes, one after the other, and what they make of a model."""

    world: LoopbackWorld
    start: Callable[[], Process]
    proxy: Proxy
    deaths: list[int] = field(default_factory=list)
    """The first process is killed at its request of the first number, the next at the next; then one may live."""
    after: bool = False
    """They die when the API server has answered, and not before the request is forwarded."""
    schedule: Schedule = no_faults
    killed: list[str] = field(default_factory=list)
    """The requests at which they were."""

    def run(self, stages: tuple[Stage, ...]) -> dict[str, Any]:
        """Live through all stages; returns what has become of all."""
        self._begin()
        try:
            for stage in stages:
                self.world.api.submit(with_version(model(self.world.namespace), stage.version))
                self._until(lambda stage=stage: self._reached(stage), str(stage))  # type: ignore[misc]
            self._until(self._at_rest, "nothing is left to do")
            return outcome(self.world)
        finally:
            self.process.kill()

    def _begin(self) -> None:
        number = self.deaths.pop(0) if self.deaths else None

        def strike(request: Request) -> None:
            if request.number == number:
                self.process.signal(SIGKILL)
                self.killed.append(f"{request}")

        self.proxy.reset(self.schedule, **{"after" if self.after else "before": strike})
        self.process = self.start()

    def _until(self, done: Callable[[], bool], says: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not done():
            assert time.monotonic() < deadline, f"not so after {_SECONDS} s: {says}: {self.process.log.read_text()}"
            if self.process.ended(0.05) is not None:
                self._begin()
            self.world.turn()

    def _reached(self, stage: Stage) -> bool:
        if stage.weights is not None:
            return self.world.history[-1:] == [stage.weights]
        found = self._deployment()
        status, generation = found.get("status", {}), found["metadata"]["generation"]
        ready = [c["reason"] for c in status.get("conditions", []) if c["type"] == "Ready"]
        return ready == [stage.reason] and status["observedGeneration"] == generation

    def _at_rest(self) -> bool:
        """No Job is left, nor anything that the status does not know of."""
        found, rollout = outcome(self.world), self._deployment()["status"]["rollout"]
        known = {rollout["stable"], *(entry["revision"] for entry in rollout["retiring"])}
        names = {f"fraud-{revision}" for revision in known}
        served = self.world.history[-1] == {self.world.version(f"fraud-{rollout['stable']}"): 100}
        return served and not found["jobs"] and {*found["deployments"], *found["services"]} <= {"fraud", *names}

    def _deployment(self) -> dict[str, Any]:
        return self.world.api.get(f"{LEADSMAN}/namespaces/{self.world.namespace}/modeldeployments/fraud")


@pytest.fixture
def life(
    api: Api, namespace: str, new_namespace: Callable[[], str], proxy: Proxy, tmp_path: Path
) -> Callable[..., tuple[Life, dict[str, Any]]]:
    """Lives a scenario in a namespace of its own; whatever happens, users see the same weights."""

    def run(scenario: str, **more: Any) -> tuple[Life, dict[str, Any]]:
        namespace, home = new_namespace(), new_namespace()
        world = fresh_world(api, namespace, LoopbackWorld, step_seconds=1, keep_warm="1h")
        operator = environment(proxy.kubeconfig(tmp_path / home), namespace, home, "operator")
        it = Life(world, lambda: Process(operator, tmp_path / f"{home}.log"), proxy, **more)
        try:
            ended = it.run(SCENARIOS[scenario])
        finally:
            world.close()
        assert world.history == WEIGHTS[scenario]
        # What is retired drains for a while, by the clock.
        return it, {key: found for key, found in ended.items() if key not in ("deployments", "services")}

    return run


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_with_sigkill_at_any_request_it_comes_to_the_same_end(
    life: Callable[..., tuple[Life, dict[str, Any]]], subtests: pytest.Subtests, scenario: str, full: bool
) -> None:
    _, expected = life(scenario)
    for first, after in product(range(1, _APART + 1), (False, True)) if full else _SHORT[scenario]:
        deaths = list(range(first, _LAST, _APART if full else 4 * _APART))
        with subtests.test(f"killed {'after' if after else 'before'} requests {deaths}"):
            it, ended = life(scenario, deaths=deaths, after=after)
            print(f"{scenario}: {len(it.killed)} kills: {it.killed}")
            assert ended == expected


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_watches_that_drop_lag_and_replay_and_all_other_faults_change_nothing(
    life: Callable[..., tuple[Life, dict[str, Any]]],
    subtests: pytest.Subtests,
    scenario: str,
    full: bool,
    request: pytest.FixtureRequest,
) -> None:
    if not full and scenario != "rollback":
        pytest.skip("a rollback has the most to lose; --full runs all three")
    _, expected = life(scenario)
    first = request.config.getoption("--faults-seed")
    for seed in range(first, first + (_SEEDS if full else 1)):
        with subtests.test(f"--faults-seed={seed}"):
            it, ended = life(scenario, schedule=Seeded(seed, share_of_watches=0.6, first=250))
            print(f"{scenario}, {seed}: {len(it.proxy.requests)} requests, {dict(it.proxy.hurt)}")
            del ended["preflights ever started"]
            assert ended.items() <= expected.items()
