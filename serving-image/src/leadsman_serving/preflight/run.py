"""Preflight as a whole: fetch, measure, judge."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from leadsman_package.errors import PackageError
from leadsman_package.signing import SIGNATURE_FILE, Trust, verify
from leadsman_serving.preflight.files import Source, fetch, golden_of, more_requests_of, requests_of
from leadsman_serving.preflight.judge import judge
from leadsman_serving.preflight.judge_answers import STABLES
from leadsman_serving.preflight.measured import (
    BadSignature,
    Demands,
    Failure,
    Files,
    Measured,
    Missing,
    Model,
    Signed,
    Signer,
    Stage,
    Times,
    Trial,
)
from leadsman_serving.preflight.report import Report
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.timing import SideEndedError, fit_together, sides, time_runs
from leadsman_serving.preflight.trial import Request, Runtime, Subject, batch_files, try_model

Say = Callable[[str], None]

_START_SECONDS = 1.0
"""About how long it takes to start a process that runs a model."""


@dataclass(frozen=True, slots=True)
class Flight:
    """What to prove: the candidate, against stable where there is one. `scratch` is where files are put meanwhile."""

    candidate: Source
    stable: Source | None
    trust: Trust | None
    demands: Demands
    runtime: Runtime
    scratch: Path


def preflight(flight: Flight, left: TimeLeft, say: Say) -> Report:
    """Return the report. `say` is told what is being done, for people.

    Raises PackageError, transient, when it cannot be decided now: a store does not answer, there is no room, or the
    time is over.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="preflight-", dir=flight.scratch) as scratch:
            return judge(_measure(flight, Path(scratch), left, say), flight.demands)
    except OSError as error:
        raise PackageError(f"cannot work in {flight.scratch}: {error.strerror}", transient=True) from None


def _measure(flight: Flight, scratch: Path, left: TimeLeft, say: Say) -> Measured:
    directory = scratch / "candidate"
    say("fetching the model")
    files = fetch(flight.candidate, directory, left, signature=flight.trust is not None)
    if isinstance(files, Missing):
        return Measured(Model(files), Signed.NO_FILES)
    signed = _signed(directory, flight.trust)
    candidate = Model(files, golden=golden_of(directory, files.manifest))
    stable_directory = scratch / "stable"
    stable = None
    if flight.stable is not None and flight.stable.digest == files.digest:
        stable = Model(files)
    elif flight.stable is not None:
        say("fetching the stable model")
        stable = Model(fetch(flight.stable, stable_directory, left))
    measured = Measured(candidate, signed, stable)
    return _run(measured, flight.runtime, directory, stable_directory, left, say)


def _signed(directory: Path, trust: Trust | None) -> Signed | Signer | BadSignature:
    if trust is None:
        return Signed.NOT_ASKED
    if not (directory / SIGNATURE_FILE).is_file():
        return Signed.NO_SIGNATURE
    try:
        return Signer(verify(directory, trust))
    except PackageError as error:
        return BadSignature(str(error))


def _run(
    measured: Measured, runtime: Runtime, directory: Path, stable_directory: Path, left: TimeLeft, say: Say
) -> Measured:
    """Run the candidate, then stable, each alone; then time both by turns."""
    candidate = Subject("the model", directory, runtime, runtime.memory_limit)
    # Stable is only compared with: its schema refuses nothing.
    as_stable = replace(runtime, rejecting=False)
    stable = Subject("the stable model", stable_directory, as_stable, None) if _differs(measured) else None
    asked = requests_of(directory)
    if stable is not None:
        asked += more_requests_of(stable_directory, STABLES, asked)
    say("running the model")
    measured = replace(measured, candidate=replace(measured.candidate, trial=try_model(candidate, asked, left)))
    if measured.candidate.trial.failure is not None:
        return measured
    if measured.stable is not None and stable is not None:
        say("running the stable model")
        trial = try_model(stable, asked, left)
        names = tuple(each.name for each in asked)
        measured = replace(measured, stable=replace(measured.stable, trial=trial), requests=names)
        if trial.failure is not None:
            stable = None
            measured = replace(measured, not_timed=f"stable: {trial.failure.reason}")
    say("timing runs")
    return _time(measured, candidate, stable, asked, left)


def _differs(measured: Measured) -> bool:
    """Whether there is a stable model that can be run, and has anything to be compared."""
    return measured.stable is not None and isinstance(measured.stable.files, Files) and not measured.same


def _time(
    measured: Measured, candidate: Subject, stable: Subject | None, asked: list[Request], left: TimeLeft
) -> Measured:
    mine, others = measured.candidate.trial, measured.stable.trial if measured.stable else Trial()
    batch = mine.batch
    if batch is None or (batch.error is not None and batch.rows == 1):
        reason = batch.error if batch and batch.error else "there is no request"
        return replace(measured, not_timed=f"there is no input that the model takes: {reason}")
    subjects = [(candidate, batch_files(asked, mine))]
    if stable is not None and others.batch is not None and others.batch.made_up == batch.made_up:
        subjects.append((stable, batch_files(asked, others)))
    together = fit_together([mine.peak or 0, others.peak or 0], candidate.runtime.container)
    overhead = 0.0 if together else _START_SECONDS + max(mine.seconds or 0, others.seconds or 0)
    times: list[Times] = []
    try:
        with sides(subjects, left, together=together) as made:
            for rows in dict.fromkeys((1, batch.rows if batch.error is None else 1)):
                alike = rows == 1 or (others.batch is not None and others.batch == batch)
                times.append(time_runs(made if alike else made[:1], rows, left, overhead))
    except SideEndedError as error:
        measured = replace(measured, times=tuple(times))
        if error.stable:
            return replace(measured, not_timed=f"stable: {error}")
        failed = replace(mine, failure=Failure(Stage.TIME, str(error), error.memory))
        return replace(measured, candidate=replace(measured.candidate, trial=failed))
    return replace(measured, times=tuple(times))
