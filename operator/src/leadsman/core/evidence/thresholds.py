"""Numbers of a Prometheus server against their bounds: so many times in a row outside is a failure.

This is what Argo Rollouts and Flagger do. It has no guarantee, and takes no part of the false-rollback rate.
"""

from collections.abc import Sequence
from math import isfinite

from leadsman.api.checks import PrometheusCheck
from leadsman.api.evidence import Threshold
from leadsman.core.evidence.samples import Reading


def due(checks: Sequence[PrometheusCheck], known: Sequence[Threshold], now: float) -> tuple[PrometheusCheck, ...]:
    """Return the checks whose number is to be asked for at `now` (Unix seconds)."""
    asked = {one.name: one.asked_at for one in known}

    def is_due(check: PrometheusCheck) -> bool:
        since = now - asked.get(check.name, -1e12)
        # A clock that was set back must not silence a check.
        return since >= check.interval.total_seconds() or since < 0

    return tuple(check for check in checks if is_due(check))


def observe(
    checks: Sequence[PrometheusCheck], known: Sequence[Threshold], readings: Sequence[Reading], now: float
) -> tuple[Threshold, ...]:
    """Return how every number that was ever asked for stands after these readings."""
    standing = {one.name: one for one in known}
    asked = {check.name: check for check in checks}
    for reading in readings:
        if reading.name in asked:
            standing[reading.name] = _after(asked[reading.name], standing.get(reading.name), reading, now)
    return tuple(standing[name] for name in asked if name in standing)


def is_outside(check: PrometheusCheck, value: float) -> bool:
    """Whether the value is out of the check's bounds."""
    return (check.min is not None and value < check.min) or (check.max is not None and value > check.max)


def _after(check: PrometheusCheck, before: Threshold | None, reading: Reading, now: float) -> Threshold:
    failures = before.failures if before else 0
    value = reading.value if reading.value is not None and isfinite(reading.value) else None
    if value is not None:  # Silence is no failure, and does not excuse the ones before it.
        failures = failures + 1 if is_outside(check, value) else 0
    return Threshold(name=check.name, asked_at=now, value=value, failures=failures)
