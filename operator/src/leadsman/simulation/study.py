"""Many runs of one policy in one world, and of other tools in the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.simulation.harm import harm
from leadsman.simulation.outcome import Outcome
from leadsman.simulation.rivals import RIVALS
from leadsman.simulation.rollout import Watch, roll_out
from leadsman.simulation.scenario import Scenario
from leadsman.simulation.summary import Summary, summarise
from leadsman.simulation.traffic import Traffic, traffic

LEADSMAN = "leadsman"

_RUNS_PER_TASK = 10
_STREAMS = ("traffic", LEADSMAN, *RIVALS)

Outcomes = dict[str, list[Outcome]]
"""The outcomes of each tool, run by run."""


@dataclass(frozen=True, slots=True)
class Study:
    """A policy in a world, met by Leadsman and by `rivals` (keys of RIVALS). The seed decides all that is random."""

    policy: RolloutPolicySpec
    scenario: Scenario
    seed: int
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """Some runs of a study. Whoever does them, and in whatever order, their outcomes are the same."""

    study: Study
    runs: range


Spread = Callable[[Callable[[Task], Outcomes], Sequence[Task]], Iterable[Outcomes]]
"""Does the tasks, as `map` does, and returns the outcomes in the order of the tasks."""


def run(policy: RolloutPolicySpec, scenario: Scenario, runs: int, seed: int, spread: Spread = map) -> Summary:
    """Simulate a policy so many times, and summarise."""
    outcomes = simulate(Study(policy, scenario, seed), runs, spread)
    return summarise(outcomes[LEADSMAN], harm(policy, scenario))


def simulate(study: Study, runs: int, spread: Spread = map) -> Outcomes:
    """Do so many runs. All tools meet the same traffic."""
    starts = range(0, runs, _RUNS_PER_TASK)
    tasks = [Task(study, range(start, min(runs, start + _RUNS_PER_TASK))) for start in starts]
    outcomes: Outcomes = {tool: [] for tool in (LEADSMAN, *study.rivals)}
    for done in spread(play, tasks):
        for tool, some in done.items():
            outcomes[tool] += some
    return outcomes


def play(task: Task) -> Outcomes:
    """Do the runs of a task."""
    study, scenario = task.study, task.study.scenario
    outcomes: Outcomes = {tool: [] for tool in (LEADSMAN, *study.rivals)}
    for number in task.runs:
        met = _traffic(study, number)
        outcomes[LEADSMAN].append(roll_out(study.policy, scenario, met, _random(study, number, LEADSMAN)))
        for rival in study.rivals:
            outcomes[rival].append(RIVALS[rival](scenario, met, _random(study, number, rival)))
    return outcomes


def play_again(study: Study, number: int, watch: Watch, *, every_look: bool) -> Outcome:
    """Do run `number` of a study once more, as Leadsman had it, and let `watch` see it."""
    random = _random(study, number, LEADSMAN)
    return roll_out(study.policy, study.scenario, _traffic(study, number), random, watch, every_look=every_look)


def _traffic(study: Study, number: int) -> Traffic:
    return traffic(study.scenario, _random(study, number, "traffic"))


def _random(study: Study, number: int, stream: str) -> np.random.Generator:
    """A generator of its own for each run, and in it for the traffic and for each tool."""
    return np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(number, _STREAMS.index(stream))))
