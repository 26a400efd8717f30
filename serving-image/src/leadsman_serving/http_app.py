"""The Open Inference Protocol v2 over HTTP: routes, bodies and status codes. An RSGI application."""

import logging
import time
from collections.abc import Awaitable
from importlib.metadata import version as package_version
from typing import Any
from urllib.parse import unquote

import orjson
from granian.rsgi import (  # type: ignore[attr-defined] # granian does not mark its re-exports
    HTTPProtocol,
    ProtocolClosed,
    ProtocolError,
    Scope,
)

from leadsman_serving import feedback, oip_json
from leadsman_serving.answers import Answers
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.metrics import ServingMetrics
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)
failures = ThrottledLog(log)

HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.TOO_LARGE: 413,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
}
"""The one place where an error's code becomes an HTTP status."""

_PATIENCE = 4
"""A body too large is read and thrown away up to this multiple of the limit."""

Headers = list[tuple[str, str]]
Answer = tuple[int, bytes]


class HttpApp:
    """Answers every request on the serving port with JSON, errors as {"error": "..."}.

    `max_body_bytes` bounds what is kept of a request's body; larger ones are answered 413.
    """

    def __init__(self, plane: DataPlane, metrics: ServingMetrics, answers: Answers, max_body_bytes: int) -> None:
        self._plane = plane
        self._metrics = metrics
        self._answers = answers
        self._max_body_bytes = max_body_bytes
        self._headers: Headers = [("content-type", "application/json"), ("x-leadsman-version", plane.version)]
        self._server = {"name": "leadsman-serving", "version": package_version("leadsman"), "extensions": []}

    def name_revision(self, revision: str) -> None:
        """Say from now on, on every response, which revision answered."""
        self._headers = [*self._headers, ("x-leadsman-revision", revision)]

    def start_draining(self) -> None:
        """Turn not ready, and ask clients on every response to take their connections elsewhere."""
        self._plane.draining = True

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        path = [unquote(part) for part in scope.path.strip("/").split("/")]
        if path[-1] == "infer" and scope.method == "POST":
            answer = await self._counted_infer(path, scope, protocol)
        elif path[-1] == "feedback" and scope.method == "POST":
            answer = await _answer(self._take_feedback(path, scope, protocol))
        else:
            answer = self._look_up(path, scope.method)
        if answer is not None:
            status, body = answer
            protocol.response_bytes(status, self._response_headers(scope), body)

    async def _counted_infer(self, path: list[str], scope: Scope, protocol: HTTPProtocol) -> Answer | None:
        started = time.perf_counter()
        self._metrics.in_flight += 1
        try:
            answer = await _answer(self._infer(path, scope, protocol))
        finally:
            self._metrics.in_flight -= 1
        if answer is not None:
            self._metrics.answered(answer[0], time.perf_counter() - started)
        return answer

    async def _infer(self, path: list[str], scope: Scope, protocol: HTTPProtocol) -> bytes:
        body = await _read_body(scope, protocol, self._max_body_bytes)
        self._check_model(path)
        if "inference-header-content-length" in scope.headers:
            raise oip_json.no_binary("header Inference-Header-Content-Length")
        response = await self._plane.infer(oip_json.parse_request(body))
        answer = oip_json.response_body(response)
        self._metrics.predicted(response.outputs)
        if self._answers.on and (identifier := scope.headers.get("x-request-id")):
            self._answers.record(identifier, response.outputs)
        return answer

    async def _take_feedback(self, path: list[str], scope: Scope, protocol: HTTPProtocol) -> bytes:
        body = await _read_body(scope, protocol, min(self._max_body_bytes, feedback.MOST_BYTES))
        self._check_model(path)
        given = feedback.parse_feedback(body)
        self._metrics.fed_back(given)
        return orjson.dumps({"accepted": len(given)})

    def _check_model(self, path: list[str]) -> None:
        match path:
            case ["v2", "models", name, _]:
                self._plane.check_name(name, None)
            case ["v2", "models", name, "versions", version, _]:
                self._plane.check_name(name, version)
            case _:
                raise _no_such_path(path)

    def _look_up(self, path: list[str], method: str) -> Answer:
        try:
            status, document = self._document(path)
            if method not in ("GET", "HEAD"):
                raise ServingError(Code.METHOD_NOT_ALLOWED, f"/{'/'.join(path)} takes GET, not {method}")
            return status, orjson.dumps(document)
        except ServingError as error:
            return _error(error)

    def _document(self, path: list[str]) -> tuple[int, dict[str, Any]]:
        match path:
            case ["v2"]:
                return 200, self._server
            case ["v2", "health", "live"]:
                return 200, {"live": True}
            case ["v2", "health", "ready"]:
                return self._ready_status(), {"ready": self._plane.ready}
            case ["v2", "models", name, *rest]:
                return self._model_document(path, name, rest)
        raise _no_such_path(path)

    def _model_document(self, path: list[str], name: str, rest: list[str]) -> tuple[int, dict[str, Any]]:
        match rest:
            case ["versions", version, *what]:
                self._plane.check_name(name, version)
            case what:
                self._plane.check_name(name, None)
        match what:
            case []:
                return 200, oip_json.model_metadata(name, self._plane.version, self._plane.signature())
            case ["ready"]:
                return self._ready_status(), {"name": name, "ready": self._plane.ready}
            case ["infer" | "feedback"]:
                raise ServingError(Code.METHOD_NOT_ALLOWED, f"/{'/'.join(path)} takes POST")
        raise _no_such_path(path)

    def _ready_status(self) -> int:
        return 200 if self._plane.ready else HTTP_STATUS[Code.UNAVAILABLE]

    def _response_headers(self, scope: Scope) -> Headers:
        if self._plane.draining and scope.http_version.startswith("1"):
            return [*self._headers, ("connection", "close")]
        return self._headers


async def _answer(body: Awaitable[bytes]) -> Answer | None:
    """Return the answer once its body is there or has failed, None when there is nobody left to answer."""
    try:
        return 200, await body
    except ServingError as error:
        if error.code is Code.INTERNAL:
            failures.warn(error.message)
        return _error(error)
    except (ProtocolClosed, ProtocolError):
        return None  # the client has gone, which is no answer and is not counted as one
    except Exception:
        log.exception("a bug in the server")
        return _error(ServingError(Code.INTERNAL, "the server failed; its log says where"))


async def _read_body(scope: Scope, protocol: HTTPProtocol, limit: int) -> bytes:
    declared = scope.headers.get("content-length")
    if declared is not None and int(declared) <= limit:
        return await protocol()
    kept: list[bytes] = []
    received = 0
    # Answering while the client still sends would reset its connection before it has read the answer.
    async for chunk in protocol:
        received += len(chunk)
        if received <= limit:
            kept.append(bytes(chunk))
        elif received > limit * _PATIENCE:
            break
    if received > limit:
        raise ServingError(Code.TOO_LARGE, f"the request body is larger than {limit} bytes, the most taken here")
    return b"".join(kept)


def _error(error: ServingError) -> Answer:
    return HTTP_STATUS[error.code], orjson.dumps({"error": error.message})


def _no_such_path(path: list[str]) -> ServingError:
    return ServingError(
        Code.NOT_FOUND,
        f"no such path: /{'/'.join(path)}; models are at /v2/models/NAME[/versions/VERSION][/infer|/feedback]",
    )
