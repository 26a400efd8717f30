"""Feedback that comes late: which answers of a revision users judge, and when that is known."""

from dataclasses import replace
from math import ceil

import numpy as np

from leadsman.core.evidence.samples import ArmCounts
from leadsman.simulation.scenario import Arm, Scenario


class Feedback:
    """One revision's feedback, by the look that it comes with. `earlier` answers a second went before the run."""

    def __init__(
        self, scenario: Scenario, arm: Arm, looks: int, seconds: int, earlier: float, random: np.random.Generator
    ) -> None:
        self._delay = ceil(scenario.label_delay / seconds)
        late = min(self._delay, looks)
        labelled = random.poisson(earlier * seconds * scenario.label_rate, late)
        wrong = random.binomial(labelled, arm.wrong)
        self._labelled = [*labelled.tolist(), *([0] * (looks - late))]
        self._wrong = [*wrong.tolist(), *([0] * (looks - late))]

    def exchange(self, look: int, counts: ArmCounts) -> ArmCounts:
        """Keep what will be judged of these answers for later, and return them with what is judged by now."""
        later = look + self._delay
        if later < len(self._labelled):
            self._labelled[later] += counts.labelled
            self._wrong[later] += counts.wrong
        return replace(counts, labelled=self._labelled[look], wrong=self._wrong[look])
