"""Is the simulated candidate one to be promoted? What a run's end is held against."""

from collections.abc import Iterator
from enum import IntEnum

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    QualityCheck,
)
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.evidence import EvidenceSpec
from leadsman.simulation.scenario import Scenario

_TOLERATED_ODDS = 2.0


class Harm(IntEnum):
    """How the candidate compares with the stable revision."""

    NONE = 0
    """It is no worse in any respect: to roll it back is wrong."""
    TOLERABLE = 1
    """It is worse, but not by more than the policy tolerates: to promote it and to roll it back are both right."""
    INTOLERABLE = 2
    """It is worse than the policy tolerates: to promote it is wrong."""


def harm(policy: RolloutPolicySpec, scenario: Scenario) -> Harm:
    """Return the worst of all respects that are simulated.

    What the policy has no check for is held to that check's defaults: a policy that does not look is wrong as well.
    """
    return max(_respects(EvidenceSpec.of(policy.false_rollback_rate, policy.checks), scenario))


def _respects(spec: EvidenceSpec, scenario: Scenario) -> Iterator[Harm]:
    candidate, stable = scenario.candidate, scenario.stable
    yield _errors(candidate.errors, stable.errors, (spec.error_rate or ErrorRateCheck()).tolerate)
    ratio = (spec.latency or LatencyCheck()).tolerate_ratio
    yield _beyond(candidate.latency_ms, ratio * stable.latency_ms)
    if scenario.label_rate:
        yield _wrong(candidate.wrong, stable.wrong, (spec.quality or QualityCheck()).tolerate)
    yield _beyond(abs(candidate.top - stable.top), (spec.predictions or PredictionsCheck()).within)
    yield _beyond(scenario.disagreement, 1 - (spec.agreement or AgreementCheck()).at_least)
    yield _beyond(scenario.crashes_per_day, (spec.crashes or CrashesCheck()).at_most_per_day)


def _errors(candidate: float, stable: float, tolerate: float) -> Harm:
    if candidate <= stable:
        return Harm.NONE
    doubled = candidate * (1 - stable) >= _TOLERATED_ODDS * stable * (1 - candidate)
    return Harm.INTOLERABLE if candidate > tolerate and doubled else Harm.TOLERABLE


def _wrong(candidate: float, stable: float, tolerate: float) -> Harm:
    if candidate <= stable:
        return Harm.NONE
    return Harm.INTOLERABLE if candidate - stable > tolerate else Harm.TOLERABLE


def _beyond(value: float, bound: float) -> Harm:
    return Harm.INTOLERABLE if value > bound * (1 + 1e-9) else Harm.NONE
