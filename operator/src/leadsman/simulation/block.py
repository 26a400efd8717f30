"""The counts of many looks, drawn at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import LatencyBound
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Pairs
from leadsman.simulation.latency import slower_share
from leadsman.simulation.scenario import Arm, Scenario
from leadsman.simulation.traffic import Counts, Shares, also_failing, answers


@dataclass(frozen=True, slots=True)
class Exposure:
    """The share of requests that the candidate answers, and the share that it gets a mere copy of."""

    weight: float = 0.0
    shadow: float = 0.0


@dataclass(frozen=True, slots=True)
class ArmColumns:
    """What one revision does, look by look; the fields are those of ArmCounts, one array each."""

    requests: Counts
    errors: Counts
    answered: Counts
    slower: npt.NDArray[np.int64]
    """One row per latency bound."""
    labelled: Counts
    wrong: Counts
    predicted: Counts
    top: Counts

    def at(self, look: int) -> ArmCounts:
        """What it did before one look."""
        return ArmCounts(
            requests=int(self.requests[look]),
            errors=int(self.errors[look]),
            answered=int(self.answered[look]),
            slower=tuple(self.slower[:, look].tolist()),
            labelled=int(self.labelled[look]),
            wrong=int(self.wrong[look]),
            predicted=int(self.predicted[look]),
            top=int(self.top[look]),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """What both revisions do before each of some looks in a row, the first of which is number `first` of the run."""

    first: int
    candidate: ArmColumns
    stable: ArmColumns
    compared: Counts
    disagreed: Counts

    @property
    def end(self) -> int:
        """Number of the look after the last."""
        return self.first + len(self.compared)

    def pairs_at(self, look: int) -> Pairs:
        """Requests that both revisions answered before one look."""
        return Pairs(int(self.compared[look]), int(self.disagreed[look]))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What counts are drawn by, besides the traffic."""

    scenario: Scenario
    spec: EvidenceSpec
    exposure: Exposure
    bounds: tuple[LatencyBound, ...]


def draw(by: Circumstances, first: int, arrivals: Counts, outage: Shares, random: np.random.Generator) -> Block:
    """Draw the block of the looks that have these arrivals of both revisions together."""
    shadow = by.exposure.shadow
    to_candidate = random.binomial(arrivals, shadow or by.exposure.weight)
    to_stable = arrivals if shadow else arrivals - to_candidate
    scenario = by.scenario
    candidate = _arm(by, scenario.candidate, to_candidate, outage, [bound.candidate for bound in by.bounds], random)
    stable = _arm(by, scenario.stable, to_stable, outage, [bound.stable for bound in by.bounds], random)
    compared = disagreed = np.zeros_like(arrivals)
    if by.spec.agreement is not None and shadow:
        compared = random.binomial(candidate.answered, 1 - also_failing(scenario.stable.errors, outage))
        disagreed = random.binomial(compared, scenario.disagreement)
    if shadow:
        # Users judge what they see.
        nothing = np.zeros_like(arrivals)
        candidate = replace(candidate, labelled=nothing, wrong=nothing)
    return Block(first, candidate, stable, compared, disagreed)


def _arm(
    by: Circumstances, arm: Arm, arrivals: Counts, outage: Shares, bounds: Sequence[float], random: np.random.Generator
) -> ArmColumns:
    requests, errors = answers(random, arrivals, also_failing(arm.errors, outage), by.scenario.clump)
    answered = requests - errors
    labelled = wrong = predicted = top = np.zeros_like(answered)
    if by.spec.quality is not None:
        labelled = random.binomial(answered, by.scenario.label_rate)
        wrong = random.binomial(labelled, arm.wrong)
    if by.spec.predictions is not None:
        predicted, top = answered, random.binomial(answered, arm.top)
    slower = _slower(arm, answered, bounds, random)
    return ArmColumns(requests, errors, answered, slower, labelled, wrong, predicted, top)


def _slower(arm: Arm, answered: Counts, bounds: Sequence[float], random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw how many are slower than each bound; of those slower than one, some are slower than the next."""
    slower = np.empty((len(bounds), len(answered)), dtype=np.int64)
    rest, share = answered, 1.0
    for row, bound in enumerate(bounds):
        beyond = slower_share(arm.latency_ms, bound)
        slower[row] = rest = random.binomial(rest, beyond / share if share else 0.0)
        share = beyond
    return slower
