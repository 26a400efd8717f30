"""What came of the cells."""

from dataclasses import dataclass
from math import sqrt

ALPHA = 0.01
"""The budget of false rollbacks."""


@dataclass(frozen=True)
class Result:
    """What came of a cell; `floor` is Wald's in seconds, where there is one."""

    cell: str
    tool: str
    runs: int
    false_rollbacks: float
    wrong_promotions: float
    rolled_back: float
    promoted: float
    median_seconds: float | None
    p90_seconds: float | None
    median_bad: float
    floor: float | None = None
    seconds_taken: float = 0.0

    @property
    def error(self) -> float:
        """Three standard deviations of a rate at the budget, by these runs."""
        return 3 * sqrt(ALPHA * (1 - ALPHA) / self.runs)
