"""One question to a server, compared with the truth."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.serving.dialects import Dialect, Request
from benchmarks.serving.models import Payload
from benchmarks.serving.processes import ServerError, Tree

_START_SECONDS = 60
_POLL_SECONDS = 0.005
_ANSWER_SECONDS = 60
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; headers in lower case. `wire_bytes` is its size with status line and headers."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    wire_bytes: int


def ask(port: int, path: str, request: Request) -> Answer:
    """Send one POST over a connection of its own. Raises OSError or HTTPException when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("POST", path, request.body, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{name}: {value}" for name, value in answer.getheaders())]
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, headers, body, sum(len(line) + 2 for line in lines) + 2 + len(body))


def right_answer(port: int, path: str, dialect: Dialect, payload: Payload) -> Answer:
    """Ask once. Raises ServerError unless the answer is, within rounding, what ONNX Runtime itself gives."""
    try:
        answer = ask(port, path, dialect.ask(payload.input, payload.binary))
    except (OSError, http.client.HTTPException) as error:
        raise ServerError(f"{payload.name}: no answer: {error}") from None
    if answer.status != 200:
        raise ServerError(f"{payload.name}: it answered {answer.status}: {answer.body[:300]!r}")
    found = dialect.read(answer.headers, answer.body)
    if found.shape != payload.answer.shape or not np.allclose(found, payload.answer, _RELATIVE, _ABSOLUTE):
        raise ServerError(f"{payload.name}: its answer is not that of ONNX Runtime: {answer.body[:300]!r}")
    return answer


def await_answer(tree: Tree, port: int, path: str, dialect: Dialect, payload: Payload) -> float:
    """Return how many seconds after its start the server gave its first right answer. Raises ServerError."""
    request = dialect.ask(payload.input, payload.binary)
    last = "no answer"
    while time.monotonic() - tree.began < _START_SECONDS:
        tree.check()
        try:
            answer = ask(port, path, request)
        except (OSError, http.client.HTTPException) as error:
            last = str(error)
        else:
            if answer.status == 200:
                taken = time.monotonic() - tree.began
                right_answer(port, path, dialect, payload)
                return taken
            last = f"{answer.status} {answer.body[:300]!r}"
        time.sleep(_POLL_SECONDS)
    raise ServerError(f"not ready within {_START_SECONDS} s: {last}; {tree.last_words()}")
