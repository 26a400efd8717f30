"""What the operator sees of one run: look after look, at the exposure that its decisions have led to."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from leadsman.api.evidence import LatencyBound
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs
from leadsman.simulation.block import Block, Circumstances, Exposure, draw
from leadsman.simulation.feedback import Feedback
from leadsman.simulation.latency import bounds
from leadsman.simulation.scenario import Arm, Scenario
from leadsman.simulation.traffic import DAY, Traffic, in_cells

_FIRST_BLOCK, _LARGEST_BLOCK = 256, 1024
_ENOUGH_PREDICTIONS = 100
_TOP_CLASS = "top"


@dataclass(frozen=True, slots=True)
class _Happened:
    """What happened from one look to the next, whether or not it was seen."""

    candidate: ArmCounts
    stable: ArmCounts
    pairs: Pairs


class Looks:
    """The looks of one run, `seconds` apart; the first comes so long after the begin, and there are `count`.

    They are taken in turn, one by one or many at a time. Counts are drawn ahead, and anew when the exposure changes.
    `taken` is how many were taken, `bad_responses` the candidate's failed responses that users had by then.
    """

    def __init__(
        self, scenario: Scenario, spec: EvidenceSpec, traffic: Traffic, seconds: int, random: np.random.Generator
    ) -> None:
        self._scenario, self._spec, self._seconds, self._random = scenario, spec, seconds, random
        self._arrivals = in_cells(traffic.arrivals, seconds)
        self.count = len(self._arrivals)
        self._outage = traffic.outage[: self.count * seconds].reshape(self.count, seconds).mean(axis=1)
        self._is_missed = (random.random(self.count) < scenario.scrape_failures).tolist()
        self._missed: list[_Happened] = []
        self._answered_by_stable = sum(minute.requests - minute.errors for minute in traffic.history)
        self._bounds: tuple[LatencyBound, ...] = ()
        self._knows_top_class = False
        self._judged = self._feedback(scenario.candidate, 0.0), self._feedback(scenario.stable, scenario.rps)
        self._counted = 0
        self._exposure = Exposure()
        self._block: Block | None = None
        self._size = _FIRST_BLOCK
        self.taken = 0
        self.bad_responses = 0

    @property
    def may_be_skipped(self) -> bool:
        """Whether all that looks bring from here on is in the blocks: nothing late, and nothing still to be chosen."""
        spec = self._spec
        later = spec.quality or spec.predictions or spec.crashes or self._scenario.scrape_failures
        return not later and (spec.latency is None or bool(self._bounds))

    def ahead(self, exposure: Exposure) -> Block:
        """Return some of the looks that come next, at least one; nothing is taken by that."""
        if exposure != self._exposure:
            self._exposure, self._block, self._size = exposure, None, _FIRST_BLOCK
        if self._block is None or self.taken == self._block.end:
            looks = slice(self.taken, self.taken + self._size)
            self._size = min(2 * self._size, _LARGEST_BLOCK)
            by = Circumstances(self._scenario, self._spec, exposure, self._bounds)
            self._block = draw(by, self.taken, self._arrivals[looks], self._outage[looks], self._random)
        return self._block

    def skip(self, looks: int, exposure: Exposure) -> None:
        """Take so many looks of those ahead without looking."""
        block = self.ahead(exposure)
        first = self.taken - block.first
        if not exposure.shadow:
            self.bad_responses += int(block.candidate.errors[first : first + looks].sum())
        self.taken += looks

    def take(self, at: float, exposure: Exposure) -> Look:
        """Return the next look, which is at `at` in Unix seconds."""
        happened = self._next(exposure)
        number, self.taken = self.taken, self.taken + 1
        if not exposure.shadow:
            self.bad_responses += happened.candidate.errors
        if self._spec.quality is not None:
            happened = self._with_feedback(number, happened)
        if self._is_missed[number]:
            self._missed.append(happened)
            return Look(at=at, seen=False)
        if self._missed:
            happened, self._missed = reduce(_plus, self._missed, happened), []
        if self._spec.crashes is not None and _any(happened.candidate, happened.stable):
            happened = self._with_crashes(number, happened)
        self._answered_by_stable += happened.stable.answered
        return Look(
            at=at,
            candidate=happened.candidate,
            stable=happened.stable,
            pairs=happened.pairs,
            bounds=self._choose_bounds(),
            top_class=self._choose_class(),
        )

    def _next(self, exposure: Exposure) -> _Happened:
        block = self.ahead(exposure)
        at = self.taken - block.first
        return _Happened(block.candidate.at(at), block.stable.at(at), block.pairs_at(at))

    def _feedback(self, arm: Arm, earlier: float) -> Feedback:
        return Feedback(self._scenario, arm, self.count, self._seconds, earlier, self._random)

    def _with_feedback(self, number: int, happened: _Happened) -> _Happened:
        candidate, stable = self._judged
        return replace(
            happened,
            candidate=candidate.exchange(number, happened.candidate),
            stable=stable.exchange(number, happened.stable),
        )

    def _with_crashes(self, number: int, happened: _Happened) -> _Happened:
        """Add the crashes since a look last brought anything, of one pod each."""
        watched = float((number + 1 - self._counted) * self._seconds)
        self._counted = number + 1
        crashes = int(self._random.poisson(self._scenario.crashes_per_day * watched / DAY))
        return replace(
            happened,
            candidate=replace(happened.candidate, crashes=crashes, pod_seconds=watched),
            stable=replace(happened.stable, pod_seconds=watched),
        )

    def _choose_bounds(self) -> tuple[LatencyBound, ...]:
        if self._spec.latency is None or self._bounds:
            return ()
        ratio = self._spec.latency.tolerate_ratio
        self._bounds = bounds(self._scenario.stable.latency_ms, self._answered_by_stable, ratio)
        if self._bounds:
            self._block = None
        return self._bounds

    def _choose_class(self) -> str | None:
        if self._spec.predictions is None or self._knows_top_class:
            return None
        self._knows_top_class = self._answered_by_stable >= _ENOUGH_PREDICTIONS
        return _TOP_CLASS if self._knows_top_class else None


def brought_anything(look: Look) -> bool:
    """Whether a look brought what evidence can be made of, or a choice of the engine."""
    return bool(_any(look.candidate, look.stable) or look.pairs.compared or look.bounds or look.top_class)


def _any(candidate: ArmCounts, stable: ArmCounts) -> int:
    return candidate.requests or stable.requests or candidate.labelled or stable.labelled


def _plus(one: _Happened, other: _Happened) -> _Happened:
    return _Happened(
        candidate=_sum(one.candidate, other.candidate),
        stable=_sum(one.stable, other.stable),
        pairs=Pairs(one.pairs.compared + other.pairs.compared, one.pairs.disagreed + other.pairs.disagreed),
    )


def _sum(one: ArmCounts, other: ArmCounts) -> ArmCounts:
    return ArmCounts(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        answered=one.answered + other.answered,
        slower=tuple(map(add, one.slower, other.slower)),
        labelled=one.labelled + other.labelled,
        wrong=one.wrong + other.wrong,
        predicted=one.predicted + other.predicted,
        top=one.top + other.top,
    )
