"""What the demo writes down: one record per request, and the marks that cut them into phases."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One request of a user, as the user saw it."""

    at: float
    """When it was sent, Unix seconds."""
    seconds: float
    code: int
    """The HTTP status; 0 when there was no answer."""
    version: str
    """The model version that says it answered; empty when nobody did."""
    right: bool
    """The answer is the true label."""
    coarse: bool
    """The row is of the category that the offline sample lacks."""
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the user got no prediction."""
        return not 200 <= self.code < 300

    @property
    def done(self) -> float:
        """When it was answered, Unix seconds."""
        return self.at + self.seconds


@dataclass(frozen=True)
class Mark:
    """The beginning of a phase."""

    at: float
    phase: str


@dataclass(frozen=True)
class Span:
    """A phase with the requests that were sent in it."""

    phase: str
    start: float
    end: float
    requests: tuple[Request, ...]


class RequestLog:
    """A file of requests, one JSON object a line, that one process writes while another reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._requests: list[Request] = []

    def read(self) -> list[Request]:
        """Return all requests so far."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
            # The writer may be in the middle of its last line.
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._requests += [Request(**json.loads(line)) for line in whole.splitlines()]
        return self._requests


def as_line(request: Request) -> str:
    """Return the request as a line of the log."""
    return json.dumps(asdict(request)) + "\n"


def spans(marks: Iterable[Mark], requests: Iterable[Request], end: float) -> list[Span]:
    """Return the phases in order with their requests; a request belongs to the phase that it was sent in."""
    ordered = sorted(marks, key=lambda mark: mark.at)
    everything = list(requests)
    return [
        Span(mark.phase, mark.at, after.at, tuple(r for r in everything if mark.at <= r.at < after.at))
        for mark, after in pairwise([*ordered, Mark(end, "")])
        if mark.phase
    ]
