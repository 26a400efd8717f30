"""The model versions, the policy and the world of the simulated rollouts."""

from datetime import timedelta

from leadsman.api.rolloutpolicy import RolloutPolicySpec, Step
from support.world import NAME, Model, World

GOOD = Model(errors=0.002)
BAD = Model(errors=0.3)
SLOW = Model(median=0.030)


def careful(**changes: object) -> RolloutPolicySpec:
    """A short policy."""
    minute = timedelta(minutes=1)
    steps = tuple(Step(weight=w, min_duration=timedelta(seconds=10), max_duration=5 * minute) for w in (20, 50))
    policy = RolloutPolicySpec(
        steps=steps, progress_deadline=2 * minute, keep_warm=2 * minute, interval=timedelta(seconds=5)
    )
    return policy.model_copy(update=changes)


def world(**changes: object) -> World:
    """A world with version 1 stable and in use."""
    models = {"1": GOOD, "2": GOOD, "bad": BAD, "slow": SLOW, "fails": Model(failure="the model has no outputs")}
    made = World(**{"policy": careful(), "models": models} | changes)  # type: ignore[arg-type]
    made.apply("1")
    made.until("FirstRevision")
    made.rest(30)
    assert made.condition("Ready") == "True/Serving"
    return made


def after(at: World, name: str, seconds: float = 5) -> str:
    """What became of a RolloutAction after so many seconds."""
    at.rest(seconds)
    return at.answer_to(name)


def no_orphans(at: World) -> bool:
    """Whether everything that is there belongs to what the state names."""
    state = at.state
    named = {state.stable, state.candidate and state.candidate.revision, *(e.revision for e in state.retiring)} - {None}
    services = {name.removeprefix(f"{NAME}-") for kind, name in at.objects if kind == "Service"} - {NAME}
    return at.running() == named == services and {pod.revision for pod in at.pods.values()} <= named
