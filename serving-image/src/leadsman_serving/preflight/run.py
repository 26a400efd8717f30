"""Preflight as a whole: fetch, measure, judge."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from leadsman_package.errors import PackageError
from leadsman_package.signing import SIGNATURE_FILE, Trust, verify
from leadsman_serving.preflight.files import Source, fetch, golden_of, requests_of
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
)
from leadsman_serving.preflight.process import ModelEndedError, ModelProcess
from leadsman_serving.preflight.report import Report
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.timing import time_runs
from leadsman_serving.preflight.trial import Request, Runtime, try_model

Say = Callable[[str], None]


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

    Raises PackageError, transient, when it cannot be decided now: a store does not answer, or there is no room.
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
    if files.wrong is not None:
        return Measured(candidate, signed)
    stable_directory = scratch / "stable"
    stable = None
    if flight.stable is not None:
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
    """Run the candidate alone, then stable beside it, then both by turns."""
    with_stable = measured.stable is not None and isinstance(measured.stable.files, Files)
    own = requests_of(directory)
    others = _new(own, requests_of(stable_directory, STABLES)) if with_stable else []
    with ExitStack() as stack:
        say("running the model")
        process = stack.enter_context(ModelProcess(runtime.memory_limit))
        candidate = replace(measured.candidate, trial=try_model(process, directory, runtime, [*own, *others], left))
        measured = replace(measured, candidate=candidate)
        if candidate.trial.failure is not None:
            return measured
        stable_process = None
        if measured.stable is not None and with_stable:
            say("running the stable model")
            stable_process = stack.enter_context(ModelProcess(None))
            trial = try_model(stable_process, stable_directory, runtime, [*own, *others], left)
            stable = replace(measured.stable, trial=trial)
            measured = replace(measured, stable=stable, requests=tuple(each.name for each in (*own, *others)))
            if trial.failure is not None:
                stable_process = None
                measured = replace(measured, not_timed=f"stable: {trial.failure.reason}")
        say("timing runs")
        return _time(measured, process, stable_process, left)


def _new(known: list[Request], more: list[Request]) -> list[Request]:
    """Return those that ask for something else, as packages of one model often hold the same requests."""
    contents = {each.path.read_bytes() for each in known}
    return [each for each in more if each.path.read_bytes() not in contents]


def _time(measured: Measured, process: ModelProcess, stable: ModelProcess | None, left: TimeLeft) -> Measured:
    batch = measured.candidate.trial.batch
    if batch is None or (batch.error is not None and batch.rows == 1):
        reason = batch.error if batch and batch.error else "there is no request"
        return replace(measured, not_timed=f"there is no input that the model takes: {reason}")
    times: list[Times] = []
    try:
        for rows in dict.fromkeys((1, batch.rows if batch.error is None else 1)):
            comparable = _same_batch(measured, rows)
            times.append(time_runs(process, stable if comparable else None, rows, left))
    except ModelEndedError as error:
        return _blame(measured, process, tuple(times), error)
    return replace(measured, times=tuple(times))


def _same_batch(measured: Measured, rows: int) -> bool:
    """Whether the largest batches of both are made of the same, so far as the model is to run so many rows."""
    mine, other = measured.candidate.trial.batch, measured.stable.trial.batch if measured.stable else None
    if mine is None or other is None or mine.made_up != other.made_up:
        return False
    return rows == 1 or (other.rows == rows and other.error is None)


def _blame(measured: Measured, process: ModelProcess, times: tuple[Times, ...], error: ModelEndedError) -> Measured:
    """Say whose process it was: when it was stable's, that is nothing against the candidate."""
    if process.ended:
        trial = replace(
            measured.candidate.trial, failure=Failure(Stage.TIME, str(error), error.memory), peak=process.peak
        )
        return replace(measured, candidate=replace(measured.candidate, trial=trial), times=times)
    return replace(measured, times=times, not_timed=f"stable: {error}; both models have to fit into memory together")
