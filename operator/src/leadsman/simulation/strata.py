"""Which looks the engine pools, for many looks at once."""

import numpy as np

from leadsman.api.evidence import ArmTotals, Stratum
from leadsman.core.evidence.strata import has_ended
from leadsman.simulation.spread import Arm, Where
from leadsman.simulation.traffic import Counts


class Strata:
    """The strata of some looks that follow an open one; `core.evidence.strata` has the rule.

    `after[look]` is how many have ended with that look or before.
    """

    def __init__(self, before: Stratum, candidate: Counts, stable: Counts) -> None:
        ends = []
        one, other = before.candidate.requests, before.stable.requests
        for look, (new, other_new) in enumerate(zip(candidate.tolist(), stable.tolist(), strict=True)):
            one += new
            other += other_new
            if has_ended(one, other):
                ends.append(look)
                one = other = 0
        self._ends = np.array(ends, dtype=np.intp)
        self.after: Where = np.searchsorted(self._ends, np.arange(len(candidate)), side="right")

    def totals(self, before: ArmTotals, arm: Arm) -> Arm:
        """Return a revision's requests and events in each stratum; `before` are those of the open one."""
        requests, events = (np.cumsum(counts)[self._ends] for counts in arm)
        return np.diff(requests, prepend=-before.requests), np.diff(events, prepend=-before.events)

    def open_after(self, look: int, before: ArmTotals, arm: Arm) -> ArmTotals:
        """Return what a revision has in the stratum that is open after a look."""
        ended = int(self.after[look])
        first = int(self._ends[ended - 1]) + 1 if ended else 0
        requests, events = (int(counts[first : look + 1].sum()) for counts in arm)
        if ended:
            return ArmTotals.model_construct(requests=requests, events=events)
        return ArmTotals.model_construct(requests=before.requests + requests, events=before.events + events)
