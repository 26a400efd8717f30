"""What the engine is asked to decide by: the policy's part of it, and our constants."""

from collections.abc import Sequence
from dataclasses import dataclass

from leadsman.api.checks import Check, ErrorRateCheck, LatencyCheck

ERROR_RATE = "errorRate"
LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class EvidenceSpec:
    """Which checks decide, and at which risk.

    `false_rollback_rate` is the chance that a candidate no worse than stable is ever rolled back, shared by all checks;
    `wrong_pass_rate` the chance that one check lets a step of an intolerable candidate pass; `blind_after` the seconds
    without any of the candidate's counters after which the verdict is Blind.
    """

    error_rate: ErrorRateCheck | None = None
    latency: LatencyCheck | None = None
    false_rollback_rate: float = 0.01
    wrong_pass_rate: float = 0.05
    blind_after: float = 30.0

    @classmethod
    def of(cls, false_rollback_rate: float, checks: Sequence[Check]) -> "EvidenceSpec":
        """Return what a policy's `falseRollbackRate` and `checks` ask for; of two checks of a kind the last counts."""
        return cls(
            error_rate=next((check.error_rate for check in reversed(checks) if check.error_rate), None),
            latency=next((check.latency for check in reversed(checks) if check.latency), None),
            false_rollback_rate=false_rollback_rate,
        )
