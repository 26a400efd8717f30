"""One run, from the moment when the candidate's pods are ready to its promotion, its rollback or the end of time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil

import numpy as np

from leadsman.api.evidence import Evidence, Judgement
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.simulation.block import Block, Exposure
from leadsman.simulation.looks import Looks
from leadsman.simulation.machine import Operator
from leadsman.simulation.outcome import End, Outcome
from leadsman.simulation.scenario import Scenario
from leadsman.simulation.stretch import Stretch
from leadsman.simulation.traffic import Shares, Traffic

_BEGIN = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands after so many seconds: what the candidate gets from now on, and what was decided just now.

    `judge` draws up the reports of the evidence so far.
    """

    seconds: float
    exposure: Exposure
    judge: Callable[[], Judgement]
    decided: tuple[str, ...]


Watch = Callable[[Moment], None]


def roll_out(
    policy: RolloutPolicySpec,
    scenario: Scenario,
    traffic: Traffic,
    random: np.random.Generator,
    watch: Watch = lambda _: None,
    *,
    every_look: bool = False,
) -> Outcome:
    """Run one rollout.

    Looks that decide nothing are passed over, and `watch` is not told of them, unless it is to be every look. That
    takes a hundred times as long, for the same outcome.
    """
    seconds = int(policy.interval.total_seconds())
    operator = Operator(policy, traffic.history, _BEGIN)
    looks = Looks(scenario, operator.spec, traffic, seconds, random)
    foreseen: _Foreseen | None = None
    watch(Moment(0.0, operator.exposure, partial(operator.judge, _BEGIN), ()))
    while looks.taken < looks.count and operator.end is End.HELD:
        if looks.may_be_skipped and not every_look:
            block = looks.ahead(operator.exposure)
            if foreseen is None or foreseen.block is not block:
                foreseen = _Foreseen(operator, block, looks.taken, seconds)
            if quiet := foreseen.quiet_looks(looks.taken):
                looks.skip(quiet, operator.exposure)
                operator.put_forward(foreseen.evidence_after(looks.taken))
                continue
        now = _BEGIN + timedelta(seconds=(looks.taken + 1) * seconds)
        decided = operator.see(looks.take(now.timestamp(), operator.exposure), now)
        if decided:
            foreseen = None
        watch(Moment(float(looks.taken * seconds), operator.exposure, partial(operator.judge, now), decided))
    return Outcome(operator.end, float(looks.taken * seconds), looks.bad_responses)


class _Foreseen:
    """What the looks of a block from number `first` on will come to, as long as nothing is decided."""

    def __init__(self, operator: Operator, block: Block, first: int, seconds: int) -> None:
        self.block = block
        self._first = first
        times: Shares = _BEGIN.timestamp() + np.arange(first + 1, block.end + 1, dtype=np.float64) * seconds
        self._stretch = Stretch(operator.spec, operator.evidence, block, times)
        self._in_shadow = bool(operator.exposure.shadow)
        self._passes_from = self._look_at(operator.passes_from(), seconds)
        acts_at = operator.acts_at()
        self._acts_at = self._stretch.length if acts_at is None else self._look_at(acts_at, seconds)

    def quiet_looks(self, taken: int) -> int:
        """Return how many of the looks from number `taken` on decide nothing, as far as they are drawn."""
        now = taken - self._first
        passes = self._stretch.next_pass(max(now, self._passes_from), in_shadow=self._in_shadow)
        return max(now, min(self._stretch.next_fail(now), passes, self._acts_at)) - now

    def evidence_after(self, taken: int) -> Evidence:
        """Return the evidence when so many looks of the run are taken."""
        return self._stretch.evidence_after(taken - self._first)

    def _look_at(self, when: datetime, seconds: int) -> int:
        """Return the first look, counted from `first`, that is not before `when`."""
        return max(0, min(self._stretch.length, ceil((when - _BEGIN).total_seconds() / seconds) - 1 - self._first))
