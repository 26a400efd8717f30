"""What one check makes of its evidence, whatever its kind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from leadsman.api.evidence import ArmTotals


@dataclass(frozen=True, slots=True)
class Figures:
    """What people are told about a check.

    `counts` says what was counted; `requests_needed` how many more of the candidate's requests would pass a step, None
    if no number would or it cannot be known; `waiting` why nothing can be compared yet, in place of all else.
    """

    counts: str
    candidate: ArmTotals = field(default_factory=ArmTotals)
    stable: ArmTotals = field(default_factory=ArmTotals)
    quantity: str = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    requests_needed: int | None = None
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """One check's evidence, in logarithms and before it is weighted among the checks.

    `log_harm` is None for a check without a guarantee, which takes no part of the false-rollback rate; it `failed` by
    its own rule. `log_promotion` is infinite where a step owes the check nothing. `blind` says why the check sees
    nothing at present. `figures` are costly, so they are asked for: given whether the check failed, and the log of the
    promotion evidence that a step needs.
    """

    name: str
    figures: Callable[[bool, float], Figures]
    log_harm: float | None = 0.0
    log_promotion: float = inf
    failed: bool = False
    blind: str = ""
