"""A model is loaded, asked and given its largest batch, in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from leadsman_serving.preflight.measured import Answer, Batch, Failure, Stage, Trial
from leadsman_serving.preflight.outputs import parse_response
from leadsman_serving.preflight.process import ModelEndedError, ModelProcess
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.signature import Signature, TensorSpec

_PATIENCE = 90.0
"""Seconds for one request: the server itself would give up after 60."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How the model will be served. `memory_limit` and `most_bytes`, of a request, are in bytes."""

    threads: int
    providers: tuple[str, ...]
    memory_limit: int | None
    most_rows: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request in a file. `own`: it is the candidate's, of which the batches of both are made if both take it."""

    name: str
    path: Path
    own: bool


def try_model(
    process: ModelProcess, directory: Path, runtime: Runtime, requests: Sequence[Request], left: TimeLeft
) -> Trial:
    """Return what running the model in `directory` shows, as far as it comes. The process stays as it is then."""
    trial = Trial()
    stage = Stage.LOAD
    try:
        told = _ask(process, _load(directory, runtime), left())
        refused = told["refused"] and _without(directory, told["refused"])
        trial = replace(trial, seconds=float(told["seconds"]), refused=refused, signature=_signature(told))
        stage = Stage.ASK
        answers: dict[str, Answer] = {}
        trial = replace(trial, answers=answers)
        for request in requests:
            answers[request.name] = _infer(process, request, min(_PATIENCE, left()))
        stage = Stage.BATCH
        answered = [each for each in requests if answers[each.name].outputs is not None]
        paths = [str(each.path) for each in [each for each in answered if each.own] or answered]
        command = {"do": "batch", "rows": runtime.most_rows, "paths": paths[: runtime.most_rows]}
        told = _ask(process, command, left())
        trial = replace(trial, batch=Batch(int(told["rows"]), bool(told["made_up"]), told.get("error")))
    except ModelEndedError as error:
        asked = requests[len(trial.answers)].name if stage is Stage.ASK else ""
        reason = _without(directory, f"request {asked}: {error}" if asked else str(error))
        trial = replace(trial, failure=Failure(stage, reason, error.memory))
    return replace(trial, peak=process.peak if trial.seconds is not None else None)


def _without(directory: Path, sentence: str) -> str:
    """Return a sentence without where the files happen to be meanwhile."""
    return sentence.replace(f"{directory}/", "")


def _load(directory: Path, runtime: Runtime) -> dict[str, Any]:
    return {
        "do": "load",
        "directory": str(directory),
        "threads": runtime.threads,
        "providers": runtime.providers,
        "most_bytes": runtime.most_bytes,
    }


def _ask(process: ModelProcess, command: dict[str, Any], seconds: float) -> dict[str, Any]:
    told = process.ask(command, seconds)
    if "failed" in told:
        raise ModelEndedError(str(told["failed"]))
    return told


def _infer(process: ModelProcess, request: Request, seconds: float) -> Answer:
    told = _ask(process, {"do": "infer", "path": str(request.path)}, seconds)
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
