"""The files of a model: fetched by a process of its own, so that it can be ended in time, and read as a package."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from leadsman_package.canonical import read_manifest
from leadsman_package.errors import PackageError
from leadsman_package.layout import kind
from leadsman_package.manifest import Manifest
from leadsman_serving.preflight.measured import Files, Golden, Missing
from leadsman_serving.preflight.outputs import parse_response
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.trial import Request

_SAMPLES = "samples"  # as samples.py has it, which would bring all of ONNX Runtime into this process
_RETRY_SHARE = 0.25
"""Of the time that is left, what pauses between attempts at a fetch may take."""
_MOST_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model is; with a `digest`, no other is taken."""

    uri: str
    digest: str | None = None


def fetch(source: Source, directory: Path, left: TimeLeft, *, signature: bool = False) -> Files | Missing:
    """Fetch a model, and its signature when that is asked for, and return its files, or why there are none.

    Raises PackageError, transient, for what may pass, and when time runs out.
    """
    directory.mkdir()
    retry_for = f"{min(_MOST_RETRY, _RETRY_SHARE * left()):.3f}"
    arguments = [source.uri, str(directory), source.digest or "", retry_for, "signature" if signature else ""]
    command = [sys.executable, "-P", "-m", "leadsman_serving.preflight.fetcher", *arguments]
    try:
        finished = subprocess.run(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, timeout=left(), check=False
        )
    except subprocess.TimeoutExpired:
        raise PackageError("the model was not fetched in the time that there was", transient=True) from None
    if finished.returncode != 0:
        raise PackageError("the process that fetches the model came to an untimely end", transient=True)
    told = orjson.loads(finished.stdout)
    if "error" in told:
        reason = told["error"].replace(f"{directory}/", "")
        if told["transient"]:
            raise PackageError(reason, transient=True)
        return Missing(reason)
    return read(directory, told["digest"], told["size"])


def read(directory: Path, digest: str, size: int) -> Files:
    """Return what a fetch has put into a directory, which has seen to it that the files are as the manifest says."""
    return Files(digest, size, read_manifest(directory) if kind(directory) == "package" else None)


def requests_of(directory: Path) -> list[Request]:
    """Return the requests that a model's author put beside it, by name of the file: all that the server would read."""
    return [Request(f"{_SAMPLES}/{path.name}", path, own=True) for path in _samples(directory)]


def more_requests_of(directory: Path, prefix: str, known: Sequence[Request]) -> list[Request]:
    """Return the requests beside another model that ask for something else: packages of one model often hold the same.

    The prefix is of their names. What cannot be read is none of them, as it says nothing of the candidate.
    """
    contents = {_content(each.path) for each in known} | {None}
    new = [path for path in _samples(directory) if _content(path) not in contents]
    return [Request(f"{prefix}{_SAMPLES}/{path.name}", path, own=False) for path in new]


def _samples(directory: Path) -> list[Path]:
    return sorted((directory / _SAMPLES).glob("*.json"))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def golden_of(directory: Path, manifest: Manifest | None) -> tuple[Golden, ...]:
    """Return the golden requests of a package with the answers that they have to get."""
    if manifest is None or manifest.golden is None:
        return ()
    told: list[Golden] = []
    for each in manifest.golden.requests:
        try:
            expected = parse_response((directory / each.response).read_bytes())
            told.append(Golden(each.name, each.request, expected))
        except (OSError, ValueError) as error:
            told.append(Golden(each.name, each.request, wrong=f"{each.response}: {error}"))
    return tuple(told)
