"""What a comparison comes to where there is no other model to compare with. Pure."""

from leadsman_serving.preflight.measured import Measured, Missing
from leadsman_serving.preflight.report import Check
from leadsman_serving.preflight.wording import failed, passed, skipped, warned

_EXPECTED = "a comparison with stable"


def without_stable(name: str, measured: Measured, demand: str | None) -> Check | None:
    """Return the check when there is no stable model, or it is this very one, or gone; None when there is another.

    `demand` is the option that asks for the comparison, if one does.
    """
    if measured.stable is None:
        return skipped(name, "there is no stable model to compare with")
    if measured.same:
        return passed(name, _EXPECTED, "the same model", "stable has the same digest")
    return stable_is_gone(name, measured, demand)


def stable_is_gone(name: str, measured: Measured, demand: str | None, found: str = "none") -> Check | None:
    """Return the check when the stable model cannot be had any more; None otherwise.

    That is a warning: whatever took stable's bytes away, another model must be able to take its place. But of what is
    demanded, proof is owed.
    """
    files = measured.stable and measured.stable.files
    if not isinstance(files, Missing):
        return None
    told = f"not compared: the stable model cannot be had: {files.reason}"
    if demand is None:
        return warned(name, _EXPECTED, found, told)
    advice = (
        f"put stable's bytes back where they were, or take the demand ({demand}) out of the policy for this release"
    )
    return failed(name, _EXPECTED, found, f"{told}; {advice}")


def not_compared(name: str, reason: str, demand: str | None) -> Check:
    """Return the check when stable is there, and cannot be compared: of what is demanded, proof is owed."""
    return (warned if demand is None else failed)(name, _EXPECTED, "none", f"not compared: {reason}")
