"""A model is loaded, asked and given its largest batch, in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import orjson

from leadsman_package.errors import PackageError
from leadsman_serving.preflight.measured import Answer, Batch, Failure, Stage, Trial
from leadsman_serving.preflight.outputs import parse_response
from leadsman_serving.preflight.process import ModelEndedError, ModelLateError, ModelProcess
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.signature import Signature, TensorSpec

_PATIENCE = 1.5
"""How many times what a request may take is waited for its answer: first the server's own code gives up."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the model will be served.

    In bytes: `memory_limit` is what it may have, `container` what all of this container may, `most_bytes` a request.
    `load_seconds` are for loading, `request_seconds` for one request: a model that takes longer is rejected.
    `rejecting`: requests that break a rule of its schema are refused.
    """

    threads: int
    providers: tuple[str, ...]
    memory_limit: int | None
    container: int | None
    most_rows: int
    most_bytes: int
    load_seconds: float = 300.0
    request_seconds: float = 60.0
    rejecting: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request in a file. `own`: it is the candidate's, of which the batches of both are made if both take it."""

    name: str
    path: Path
    own: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, by a name for people, in a directory, and how it is run; `memory_limit` in bytes."""

    name: str
    directory: Path
    runtime: Runtime
    memory_limit: int | None

    def started(self) -> ModelProcess:
        """Return a process for it, which has loaded nothing yet."""
        return ModelProcess(self.memory_limit, self.runtime.container)


def try_model(subject: Subject, requests: Sequence[Request], left: TimeLeft) -> Trial:
    """Return what running a model shows, as far as it comes. Raises PackageError, transient, when time runs out."""
    with subject.started() as process:
        trial = Trial()
        stage = Stage.LOAD
        try:
            told = load(process, subject, left)
            refused = told["refused"] and _without(subject.directory, told["refused"])
            trial = replace(trial, seconds=float(told["seconds"]), refused=refused, signature=_signature(told))
            stage = Stage.ASK
            answers: dict[str, Answer] = {}
            trial = replace(trial, answers=answers)
            for request in requests:
                answers[request.name] = _infer(process, subject, request, left)
            stage = Stage.BATCH
            trial = replace(trial, batch=make_batch(process, subject, batch_files(requests, trial), left))
        except ModelEndedError as error:
            asked = requests[len(trial.answers)].name if stage is Stage.ASK else ""
            reason = _without(subject.directory, f"request {asked}: {error}" if asked else str(error))
            trial = replace(trial, failure=Failure(stage, reason, error.memory))
        return replace(trial, peak=process.peak if trial.seconds is not None else None)


def load(process: ModelProcess, subject: Subject, left: TimeLeft) -> dict[str, Any]:
    """Have the model loaded, and return what is told of it. Raises as `asked` does."""
    command = {
        "do": "load",
        "directory": str(subject.directory),
        "threads": subject.runtime.threads,
        "providers": subject.runtime.providers,
        "most_bytes": subject.runtime.most_bytes,
        "request_seconds": subject.runtime.request_seconds,
        "rejecting": subject.runtime.rejecting,
    }
    return asked(process, subject, command, left, subject.runtime.load_seconds)


def make_batch(process: ModelProcess, subject: Subject, files: Sequence[Path], left: TimeLeft) -> Batch:
    """Have the largest batch made of these requests, or made up, and run. Raises as `asked` does."""
    paths = [str(path) for path in files[: subject.runtime.most_rows]]
    command = {"do": "batch", "rows": subject.runtime.most_rows, "paths": paths}
    told = asked(process, subject, command, left, 2 * _PATIENCE * subject.runtime.request_seconds)  # one row runs first
    return Batch(int(told["rows"]), bool(told["made_up"]), told.get("error"))


def batch_files(requests: Sequence[Request], trial: Trial) -> list[Path]:
    """Return the requests to make batches of: the candidate's that were answered, else whatever was."""
    answered = [
        each for each in requests if each.name in trial.answers and trial.answers[each.name].outputs is not None
    ]
    return [each.path for each in [each for each in answered if each.own] or answered]


def asked(
    process: ModelProcess, subject: Subject, command: dict[str, Any], left: TimeLeft, most: float = inf
) -> dict[str, Any]:
    """Return the reply to a command, which may take `most` seconds.

    Raises ModelEndedError, also for one that has failed; PackageError, transient, when the time for preflight is over,
    which a busy node may be the reason for, and not the model.
    """
    seconds = left()
    try:
        told = process.ask(command, min(seconds, most))
    except ModelLateError:
        if most <= seconds:
            raise
        raise PackageError(
            f"the time for preflight was over before {subject.name} was done; give it a longer --deadline, or more CPU",
            transient=True,
        ) from None
    if "failed" in told:
        raise ModelEndedError(str(told["failed"]))
    return told


def _without(directory: Path, sentence: str) -> str:
    """Return a sentence without where the files happen to be meanwhile."""
    return sentence.replace(f"{directory}/", "")


def _infer(process: ModelProcess, subject: Subject, request: Request, left: TimeLeft) -> Answer:
    command = {"do": "infer", "path": str(request.path)}
    told = asked(process, subject, command, left, _PATIENCE * subject.runtime.request_seconds)
    if "error" in told:
        return Answer(error=str(told["error"]), refused=bool(told["refused"]))
    try:
        return Answer(parse_response(orjson.dumps(told["body"])))
    except ValueError as error:
        return Answer(error=f"the answer is no infer response: {error}")


def _signature(told: dict[str, Any]) -> Signature:
    inputs, outputs = (
        tuple(TensorSpec(each["name"], each["datatype"], tuple(each["shape"])) for each in told[role])
        for role in ("inputs", "outputs")
    )
    return Signature(inputs, outputs)
