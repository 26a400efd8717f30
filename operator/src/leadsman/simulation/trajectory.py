"""The course of single runs, for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from leadsman.api.evidence import Judgement
from leadsman.core.evidence.spec import AGREEMENT
from leadsman.simulation.block import Exposure
from leadsman.simulation.outcome import Outcome
from leadsman.simulation.rollout import Moment
from leadsman.simulation.study import Study, play_again

# Evidence is read so often that a curve of it looks smooth: at each hundredth more of the time that has passed.
_DENSITY = 0.01


@dataclass(frozen=True, slots=True)
class Reading:
    """The evidence at a moment, as a share of what a verdict needs: for a rollback, and for the step to pass."""

    seconds: float
    harm: float
    promotion: float


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The course of run `number`.

    `exposures` say what the candidate got and from which second on; `readings` are empty unless asked for; `why` is
    the last decision, in the operator's words.
    """

    number: int
    outcome: Outcome
    exposures: tuple[tuple[float, Exposure], ...]
    readings: tuple[Reading, ...]
    why: str


def choose(outcomes: Sequence[Outcome], most: int) -> list[int]:
    """Return the numbers of a few runs: the first of each end, so that none is missing, and otherwise the first."""
    ends = [outcome.end for outcome in outcomes]
    firsts = [ends.index(end) for end in dict.fromkeys(ends)]
    others = [number for number in range(min(most, len(outcomes))) if number not in firsts]
    return sorted((firsts + others)[:most])


def trace(study: Study, number: int, *, with_readings: bool = False) -> Trajectory:
    """Return the course of a run of a study. Readings take a hundred times as long."""
    watcher = _Watcher(with_readings=with_readings)
    outcome = play_again(study, number, watcher.see, every_look=with_readings)
    return Trajectory(number, outcome, tuple(watcher.exposures), tuple(watcher.readings), watcher.why)


class _Watcher:
    def __init__(self, *, with_readings: bool) -> None:
        self.exposures: list[tuple[float, Exposure]] = []
        self.readings: list[Reading] = []
        self.why = ""
        self._read_at = 0.0 if with_readings else inf

    def see(self, moment: Moment) -> None:
        if not self.exposures or self.exposures[-1][1] != moment.exposure:
            self.exposures.append((moment.seconds, moment.exposure))
        if moment.decided:
            self.why = moment.decided[-1]
        if moment.seconds >= self._read_at or (moment.decided and self.readings):
            self._read_at = moment.seconds * (1 + _DENSITY)
            self.readings.append(_reading(moment.seconds, moment.judge(), in_shadow=bool(moment.exposure.shadow)))


def _reading(seconds: float, judgement: Judgement, *, in_shadow: bool) -> Reading:
    owed = [check.promotion for check in judgement.checks if in_shadow or check.name != AGREEMENT]
    return Reading(seconds, max((check.harm for check in judgement.checks), default=0.0), min(owed, default=1.0))
