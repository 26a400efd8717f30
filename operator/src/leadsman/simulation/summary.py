"""What many runs of one simulation come to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadsman.simulation.harm import Harm
from leadsman.simulation.outcome import End, Outcome

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of runs by their end, and what they cost.

    `seconds_to_verdict` and `bad_responses` are the QUANTILES over the runs with a verdict, promotion or rollback, and
    over all runs; the former None where no run had a verdict.
    """

    runs: int
    rolled_back: int
    promoted: int
    held: int
    harm: Harm
    seconds_to_verdict: tuple[float, ...] | None
    bad_responses: tuple[float, ...]

    @property
    def false_rollback_rate(self) -> float:
        """The share of runs rolled back although the candidate is no worse."""
        return self.rolled_back / self.runs if self.harm is Harm.NONE else 0.0

    @property
    def wrong_promotion_rate(self) -> float:
        """The share of runs promoted although the candidate is worse than the policy tolerates."""
        return self.promoted / self.runs if self.harm is Harm.INTOLERABLE else 0.0

    @property
    def miss_rate(self) -> float:
        """The share of runs in which a candidate worse than the policy tolerates was not rolled back in time."""
        return 1 - self.rolled_back / self.runs if self.harm is Harm.INTOLERABLE else 0.0


def summarise(outcomes: Sequence[Outcome], harm: Harm) -> Summary:
    """Return the summary of at least one run."""
    ends = [outcome.end for outcome in outcomes]
    decided = [outcome.seconds for outcome in outcomes if outcome.end is not End.HELD]
    return Summary(
        runs=len(outcomes),
        rolled_back=ends.count(End.ROLLED_BACK),
        promoted=ends.count(End.PROMOTED),
        held=ends.count(End.HELD),
        harm=harm,
        seconds_to_verdict=_quantiles(decided) if decided else None,
        bad_responses=_quantiles([outcome.bad_responses for outcome in outcomes]),
    )


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUANTILES).tolist())
