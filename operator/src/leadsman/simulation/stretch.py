"""Many looks at once: which of them may decide something, and the evidence after those that cannot.

A rollout is decided by a few of its thousands of looks. The evidence after each of them is computed together, as sums,
and compared with what a verdict needs. Where it may suffice, the engine is shown that look itself, and decides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import Evidence
from leadsman.core.evidence import EvidenceSpec, agreement, comparison
from leadsman.core.evidence.judge import log_needed
from leadsman.core.evidence.latency import PROMOTING_QUANTILES, comparison_name
from leadsman.core.evidence.spec import ERROR_RATE
from leadsman.simulation.block import Block
from leadsman.simulation.excess import Clock
from leadsman.simulation.spread import Where
from leadsman.simulation.strands import Agreed, Compared, Strand
from leadsman.simulation.strata import Strata
from leadsman.simulation.traffic import Counts, Shares

_ROUNDING = 1e-9
_AT_ONCE = 32

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Part:
    """A strand's part in the verdict: its share of the evidence of harm, and whether a step must have its promotion."""

    strand: Strand
    share: float
    is_owed: bool = True


class Stretch:
    """The looks of a block that are at `times`, its last ones; they follow `before`.

    Times are in Unix seconds. The checks are those of errors, latency and agreement.
    """

    def __init__(self, spec: EvidenceSpec, before: Evidence, block: Block, times: Shares) -> None:
        self._spec, self._before, self._block = spec, before, block
        self.length = len(times)
        self._looks = slice(len(block.compared) - self.length, None)
        is_news = (self._cut(block.candidate.requests) > 0) | (self._cut(block.stable.requests) > 0)
        self._clock = Clock(times, is_news, before.looked_at)
        self._compared = dict(self._comparisons())
        self._agreed: Agreed | None = None
        if spec.agreement is not None:
            start = before.agreement or agreement.start(spec.agreement.at_least)
            self._agreed = Agreed(start, block.compared[self._looks], block.disagreed[self._looks])

    def next_pass(self, start: int, *, in_shadow: bool) -> int:
        """Return the first look from `start` on after which every check may have what a step needs, or `length`.

        Agreement is owed in a shadow step only.
        """
        needed = log_needed(self._spec.wrong_pass_rate) - _ROUNDING
        excused = None if in_shadow else self._agreed
        owed = [part.strand for part in self._parts() if part.is_owed and part.strand is not excused]

        def may_pass(where: Where, *, tempered: bool) -> Mask:
            left = np.ones(len(where), dtype=np.bool_)
            for strand in owed:
                left[left] = strand.promotion(where[left], tempered=tempered) >= needed
            return left

        return self._next(start, may_pass)

    def next_fail(self, start: int) -> int:
        """Return the first look from `start` on after which a rollback may have the evidence it needs, or `length`."""
        needed = log_needed(self._spec.false_rollback_rate) - _ROUNDING
        parts = list(self._parts())
        # No mean is above the largest part.
        if max((part.strand.most_harm(start) for part in parts), default=0.0) < needed:
            return self.length

        def may_fail(where: Where, *, tempered: bool) -> Mask:
            harms = [log(part.share) + part.strand.harm(where, tempered=tempered) for part in parts]
            return _sum(harms, len(where)) >= needed

        return self._next(start, may_fail)

    def evidence_after(self, looks: int) -> Evidence:
        """Return the evidence after so many of the looks, at least one. The smoothed rate, for ETAs, is left behind."""
        last = looks - 1
        end = self._looks.start + looks
        candidate = int(self._block.candidate.requests[self._looks.start : end].sum())
        stable = int(self._block.stable.requests[self._looks.start : end].sum())
        before = self._before
        return before.model_copy(
            update={
                "comparisons": tuple(strand.at(last) for strand in self._compared.values()),
                "agreement": self._agreed.at(last) if self._agreed is not None else before.agreement,
                "looked_at": self._clock.looked_at(last),
                "step_requests": before.step_requests + candidate,
                "candidate_requests": before.candidate_requests + candidate,
                "judged_candidate": before.judged_candidate + candidate,
                "judged_stable": before.judged_stable + stable,
            }
        )

    def _next(self, start: int, may: Callable[..., Mask]) -> int:
        """Return the first look from `start` on after which it may be so; tempering costs much, so it is done last."""
        rest = np.arange(start, self.length)
        rest = rest[may(rest, tempered=False)]
        for some in np.array_split(rest, len(rest) // _AT_ONCE + 1):
            found = some[may(some, tempered=True)]
            if len(found):
                return int(found[0])
        return self.length

    def _comparisons(self) -> Iterator[tuple[str, Compared]]:
        """The comparisons by name, in the engine's order."""
        spec, candidate, stable = self._spec, self._block.candidate, self._block.stable
        known = {one.name: one for one in self._before.comparisons}
        if spec.error_rate is not None:
            before = known.get(ERROR_RATE) or comparison.start(ERROR_RATE, spec.error_rate.tolerate)
            strata = Strata(before.open, self._cut(candidate.requests), self._cut(stable.requests))
            arms = [(self._cut(arm.requests), self._cut(arm.errors)) for arm in (candidate, stable)]
            yield ERROR_RATE, Compared(before, arms[0], arms[1], strata, self._clock)
        for row, bound in enumerate(self._before.bounds):
            name = comparison_name(bound)
            before = known.get(name) or comparison.start(name, bound.tolerated)
            if row == 0:  # All bounds count the same answers.
                strata = Strata(before.open, self._cut(candidate.answered), self._cut(stable.answered))
            arms = [(self._cut(arm.answered), self._cut(arm.slower[row])) for arm in (candidate, stable)]
            yield name, Compared(before, arms[0], arms[1], strata, self._clock)

    def _cut(self, column: Counts) -> Counts:
        return column[self._looks]

    def _parts(self) -> Iterator[_Part]:
        spec = self._spec
        checks = sum(check is not None for check in (spec.error_rate, spec.latency, spec.agreement))
        if spec.error_rate is not None:
            yield _Part(self._compared[ERROR_RATE], 1 / checks)
        if self._agreed is not None:
            yield _Part(self._agreed, 1 / checks)
        bounds = self._before.bounds
        for bound in bounds:
            strand = self._compared[comparison_name(bound)]
            yield _Part(strand, 1 / checks / len(bounds), bound.quantile in PROMOTING_QUANTILES)


def _sum(logs: Sequence[Shares], length: int) -> Shares:
    """Return the log of the sum."""
    if not logs:
        return np.full(length, -np.inf)
    total: Shares = np.logaddexp.reduce(logs, axis=0)
    return total
