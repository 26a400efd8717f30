"""The past that backtests are asked about."""

from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.checks import Check, ErrorRateCheck
from leadsman.api.status import RolloutState
from support import machine
from support.recorder import Recorder


@pytest.fixture(scope="session")
def history() -> list[dict[str, Any]]:
    """A good release, and a bad one ten days later."""
    found = []
    for number, errors in enumerate((0.0, 0.1)):
        recorder = Recorder(
            policy=machine.policy(checks=(Check(error_rate=ErrorRateCheck()),), false_rollback_rate=0.001),
            began=timedelta(days=10 * number),
            state=RolloutState(stable="a", decisions=10 * number),
        ).traffic(3600, rps=20, candidate_errors=errors, stable_errors=0.002)
        raw = recorder.object(version=f"2026.{number}")
        raw["metadata"]["name"] += f"-{number}"
        found.append(raw)
    return found
