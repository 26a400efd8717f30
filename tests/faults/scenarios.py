"""Three lives of a model: a version is promoted, one is rolled back, one is superseded on its way in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from apiserver.kubeapi import Api, model, policy, with_version
from apiserver.outcome import outcome
from apiserver.pilot import Killed, Pilot
from faults.audit import AuditedWorld

Weights = dict[str, int]
W = TypeVar("W", bound=AuditedWorld)


class NotReachedError(AssertionError):
    """A stage does not come to its end."""


@dataclass(frozen=True)
class Stage:
    """A version that somebody wishes for, and what becomes of it: a reason of Ready, or only weights on the way."""

    version: str
    reason: str = ""
    weights: Weights | None = None


FIRST = Stage("1", "Serving")
SCENARIOS: dict[str, tuple[Stage, ...]] = {
    "promote": (FIRST, Stage("2", "Serving")),
    "rollback": (FIRST, Stage("bad", "RolledBack")),
    "supersede": (FIRST, Stage("2", weights={"1": 50, "2": 50}), Stage("3", "Serving")),
}
WEIGHTS: dict[str, list[Weights]] = {
    "promote": [{"1": 100}, {"1": 50, "2": 50}, {"2": 100}],
    "rollback": [{"1": 100}, {"1": 50, "bad": 50}, {"1": 100}],
    "supersede": [{"1": 100}, {"1": 50, "2": 50}, {"1": 100}, {"1": 50, "3": 50}, {"3": 100}],
}


def fresh_world(api: Api, namespace: str, kind: type[W], step_seconds: int, keep_warm: str) -> W:
    """A namespace with a policy of one step, and users of whose requests a few looks tell everything."""
    steps = [{"weight": 50, "minDuration": f"{step_seconds}s"}]
    api.submit(policy(namespace, steps=steps, keepWarm=keep_warm))
    return kind(api, namespace, requests_per_turn=10_000, errors={"bad": 0.3})


def piloted_world(api: Api, namespace: str) -> AuditedWorld:
    """One for a pilot, whose clock goes five seconds a pass."""
    return fresh_world(api, namespace, AuditedWorld, step_seconds=10, keep_warm="1m")


def _nothing(it: Pilot) -> None:
    pass


async def live(
    it: Pilot, stages: tuple[Stage, ...], passes: int = 40, each: Callable[[Pilot], None] = _nothing
) -> dict[str, Any]:
    """Run passes through all stages, and until nothing is left to do; returns what has become of all.

    `each` is called before every pass.
    """
    for stage in stages:
        it.world.api.submit(with_version(model(it.world.namespace), stage.version))
        await _until(it, lambda stage=stage: _reached(it, stage), f"{stage}", passes, each)  # type: ignore[misc]
    it.now += timedelta(minutes=2)  # what is kept warm, or drains, may go
    await _until(it, lambda: _settled(it, stages[-1].reason), "nothing is left to do", passes, each)
    return outcome(it.world)


def _reached(it: Pilot, stage: Stage) -> bool:
    return _settled(it, stage.reason) if stage.weights is None else it.weights == stage.weights


def _settled(it: Pilot, reason: str) -> bool:
    """A pass that failed has written nothing, either."""
    return not it.reconciler.failures and it.settled(reason)


async def _until(it: Pilot, done: Callable[[], bool], says: str, passes: int, each: Callable[[Pilot], None]) -> None:
    for _ in range(passes):
        each(it)
        try:
            await it.one_pass()
        except Killed:
            it.restart()
            continue
        if done():
            return
    raise NotReachedError(f"not so after {passes} passes: {says}: {it.status}")
