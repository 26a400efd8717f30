"""What the engine is asked to decide by: the policy's part of it, and our constants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leadsman.api.checks import (
    AgreementCheck,
    Check,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)

ERROR_RATE = "errorRate"
LATENCY = "latency"
AGREEMENT = "agreement"
QUALITY = "quality"
PREDICTIONS = "predictions"
CRASHES = "crashes"


@dataclass(frozen=True, slots=True)
class EvidenceSpec:
    """Which checks decide, and at which risk.

    `false_rollback_rate` is the chance that a candidate no worse than stable is ever rolled back, shared by all checks
    but those of Prometheus, which give no guarantee; `wrong_pass_rate` the chance that one check lets a step of an
    intolerable candidate pass; `blind_after` the seconds without any of the candidate's counters after which the
    verdict is Blind.
    """

    error_rate: ErrorRateCheck | None = None
    latency: LatencyCheck | None = None
    agreement: AgreementCheck | None = None
    quality: QualityCheck | None = None
    predictions: PredictionsCheck | None = None
    crashes: CrashesCheck | None = None
    prometheus: tuple[PrometheusCheck, ...] = ()
    false_rollback_rate: float = 0.01
    wrong_pass_rate: float = 0.05
    blind_after: float = 30.0

    @classmethod
    def of(cls, false_rollback_rate: float, checks: Sequence[Check]) -> "EvidenceSpec":
        """Return what a policy's `falseRollbackRate` and `checks` ask for; of two checks of a kind the last counts."""
        spec = cls(false_rollback_rate=false_rollback_rate)
        named: dict[str, PrometheusCheck] = {}
        changes: dict[str, object] = {}
        for check in checks:
            kind, asked = _only(check)
            if isinstance(asked, PrometheusCheck):
                named[asked.name] = asked
            else:
                changes[kind] = asked
        return replace(spec, prometheus=tuple(named.values()), **changes)  # type: ignore[arg-type]


def _only(check: Check) -> tuple[str, object]:
    """Return the one kind that is set, by its field's name."""
    return next((kind, asked) for kind, asked in check if asked is not None)
