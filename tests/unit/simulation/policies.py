"""Policies and runs for the tests of the simulation."""

from datetime import timedelta

import numpy as np

from leadsman.api.checks import AgreementCheck, Check, ErrorRateCheck, LatencyCheck
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Shadow, Step
from leadsman.simulation.scenario import Scenario
from leadsman.simulation.traffic import Traffic, traffic

ERRORS = Check(error_rate=ErrorRateCheck())
OBJECTIVE = Check(error_rate=ErrorRateCheck(objective=0.01))
LATENCY = Check(latency=LatencyCheck())
AGREEMENT = Check(agreement=AgreementCheck(at_least=0.95))
COPIES = Step(shadow=Shadow(percent=100))


def policy(*checks: Check, **changes: object) -> RolloutPolicySpec:
    """Steps of 10 and 50 %; by default the checks are of errors and latency."""
    steps = tuple(Step(weight=weight, max_duration=timedelta(hours=9)) for weight in (10, 50))
    spec = RolloutPolicySpec(checks=checks or (ERRORS, LATENCY), steps=steps)
    return spec.model_copy(update=changes)


def met(scenario: Scenario, number: int) -> Traffic:
    """The traffic of a run."""
    return traffic(scenario, np.random.default_rng([1, number]))
