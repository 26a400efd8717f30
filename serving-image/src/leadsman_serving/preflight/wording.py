"""How checks are made and figures are put into words. Pure."""

from leadsman_serving.preflight.measured import Files, Measured
from leadsman_serving.preflight.report import Check, Verdict


def passed(name: str, expected: str, found: str, message: str) -> Check:
    """Return a check that is as expected."""
    return Check(name, Verdict.PASS, expected, found, message)


def failed(name: str, expected: str, found: str, message: str) -> Check:
    """Return a check that rejects the model."""
    return Check(name, Verdict.FAIL, expected, found, message)


def warned(name: str, expected: str, found: str, message: str) -> Check:
    """Return a check that people should hear of, and which rejects nothing."""
    return Check(name, Verdict.WARN, expected, found, message)


def skipped(name: str, message: str) -> Check:
    """Return a check that there was nothing to do for."""
    return Check(name, Verdict.SKIP, "", "", message)


def not_reached(name: str, measured: Measured) -> Check | None:
    """Return the check as skipped when there is nothing to check."""
    if isinstance(measured.candidate.files, Files):
        return None
    return skipped(name, "not checked, as there is no model to check")


def spoken_bytes(count: int) -> str:
    """Return a number of bytes for people, as "1.5 GiB"."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 1000 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def spoken_seconds(seconds: float) -> str:
    """Return a time for people, as "12 ms"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
