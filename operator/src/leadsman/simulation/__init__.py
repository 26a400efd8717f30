"""What a policy would do: whole rollouts with the operator's own engine and machine, on traffic that is drawn by lot.

Pure: randomness comes from the seed that is passed in, and nothing here reads a clock, a file or a cluster.
"""

from leadsman.simulation.harm import Harm, harm
from leadsman.simulation.outcome import End, Outcome
from leadsman.simulation.rivals import RIVALS
from leadsman.simulation.scenario import Arm, Burst, Outage, Scenario
from leadsman.simulation.study import LEADSMAN, Outcomes, Spread, Study, Task, run, simulate
from leadsman.simulation.summary import QUANTILES, Summary, summarise
from leadsman.simulation.trajectory import Reading, Trajectory, choose, trace

__all__ = [
    "LEADSMAN",
    "QUANTILES",
    "RIVALS",
    "Arm",
    "Burst",
    "End",
    "Harm",
    "Outage",
    "Outcome",
    "Outcomes",
    "Reading",
    "Scenario",
    "Spread",
    "Study",
    "Summary",
    "Task",
    "Trajectory",
    "choose",
    "harm",
    "run",
    "simulate",
    "summarise",
    "trace",
]
