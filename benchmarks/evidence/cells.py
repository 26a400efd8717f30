"""What the benchmark runs: policies, worlds, and what EVIDENCE's table says of each."""

from dataclasses import dataclass, replace
from datetime import timedelta

from leadsman.api.checks import Check, ErrorRateCheck
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Shadow, Step
from leadsman.simulation import LEADSMAN, Arm, Outage, Scenario

BASE = 0.005
RATES = (0.05, 0.2, 2.0, 20.0, 200.0)
CLUMPS = (1, 2, 5, 10)
WITH_OBJECTIVE = "with objective"


def policy(
    *, objective: float | None = BASE, shadow: bool = False, minutes: int = 5, interval: int = 10
) -> RolloutPolicySpec:
    """Steps 10, 30, 50 % of at least so many minutes and a look every ten seconds, as the research simulated it."""
    long = {"min_duration": timedelta(minutes=minutes), "max_duration": timedelta(hours=99)}
    first = (Step(shadow=Shadow(), **long),) if shadow else ()  # type: ignore[arg-type]
    weights = tuple(Step(weight=weight, **long) for weight in (10, 30, 50))  # type: ignore[arg-type]
    return RolloutPolicySpec(
        steps=(*first, *weights),
        checks=(Check(error_rate=ErrorRateCheck(objective=objective)),),
        interval=timedelta(seconds=interval),
    )


@dataclass(frozen=True)
class Cell:
    """One policy in one world, called `kind`; `rivals` are run beside it."""

    name: str
    policy: RolloutPolicySpec
    world: Scenario
    runs: int
    rivals: tuple[str, ...] = ()
    kind: str = LEADSMAN


def null_cells(runs: int) -> list[Cell]:
    """A healthy candidate at each traffic level and clump size, in an hour or until it is promoted."""
    healthy = Scenario(stable=Arm(errors=BASE), candidate=Arm(errors=BASE), hours=1)
    return [
        Cell(f"{name}, {rps:g} rps, clumps of {clump}", asked, replace(healthy, rps=rps, clump=clump), runs)
        for name, asked in (("two-sample", policy(objective=None)), (WITH_OBJECTIVE, policy()))
        for rps in RATES
        for clump in CLUMPS
    ]


def long_cells(runs: int) -> list[Cell]:
    """A healthy candidate for a day of 8,640 looks, with and without clumps."""
    world = Scenario(rps=2, stable=Arm(errors=BASE), candidate=Arm(errors=BASE), hours=24)
    slow = policy(minutes=8 * 60)
    return [Cell(f"24 h, 2 rps, clumps of {clump}", slow, replace(world, clump=clump), runs) for clump in (1, 5)]


def table_cells(runs: int) -> list[Cell]:
    """The cells of the design's table, each against Flagger and Argo Rollouts."""
    rivals = ("flagger", "argo")
    world = Scenario(stable=Arm(errors=BASE), candidate=Arm(errors=BASE), hours=2)

    def cells(
        name: str, rps: float, errors: float, *, shadow: bool = False, outage: Outage | None = None
    ) -> list[Cell]:
        met = replace(world, rps=rps, candidate=Arm(errors=errors), outage=outage)
        beside = () if shadow else rivals
        return [
            Cell(name, policy(objective=None, shadow=shadow), met, runs, beside),
            Cell(name, policy(shadow=shadow), met, runs, kind=WITH_OBJECTIVE),
        ]

    return [
        *cells("healthy, 0.05 rps", 0.05, BASE),
        *cells("healthy, 2 rps", 2, BASE),
        *cells("5 % errors, 0.2 rps", 0.2, 0.05),
        *cells("100 % errors, 2 rps", 2, 1.0),
        *cells("100 % errors, 2 rps, shadow", 2, 1.0, shadow=True),
        *cells("5 % errors, 20 rps", 20, 0.05),
        *cells("5 % errors, 20 rps, shadow", 20, 0.05, shadow=True),
        *cells("outage of both, 20 rps", 20, BASE, outage=Outage(start=180, seconds=360, rate=0.3)),
    ]


def detection_cells(runs: int) -> list[Cell]:
    """Harmful candidates under independent traffic, whose time to detection Wald's floor bounds from below."""
    world = Scenario(stable=Arm(errors=BASE), hours=12)
    often = policy(interval=1)
    return [
        Cell(f"{errors:.0%} errors, {rps:g} rps", often, replace(world, rps=rps, candidate=Arm(errors=errors)), runs)
        for rps in (2.0, 20.0)
        for errors in (0.02, 0.05, 0.2, 1.0)
    ]
