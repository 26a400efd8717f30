"""The verdicts: pure functions of what was measured and what is demanded, one for each check."""

from collections.abc import Callable

from leadsman_serving.preflight.judge_answers import agreement, golden, schema
from leadsman_serving.preflight.judge_files import fetch, manifest, signed
from leadsman_serving.preflight.judge_running import latency, load, memory
from leadsman_serving.preflight.measured import Demands, Files, Measured
from leadsman_serving.preflight.report import Check, Report, clean

_CHECKS: tuple[Callable[[Measured, Demands], Check], ...] = (
    *(fetch, signed, manifest, load, memory),
    *(schema, golden, agreement, latency),
)
"""In the order of the report: what fails first is most likely why the rest does."""


def judge(measured: Measured, demands: Demands) -> Report:
    """Return the report on what was measured."""
    files = measured.candidate.files
    stable = measured.stable.files if measured.stable else None
    return Report(
        digest=files.digest if isinstance(files, Files) else None,
        stable_digest=stable.digest if isinstance(stable, Files) else None,
        checks=tuple(clean(check(measured, demands)) for check in _CHECKS),
    )
