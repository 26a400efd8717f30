"""The Open Inference Protocol v2 over HTTP: routes, bodies and status codes."""

from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from leadsman_serving import feedback, oip_json
from leadsman_serving.account import Call
from leadsman_serving.admission import RETRY_SECONDS, Ticket
from leadsman_serving.attendant import Attendant, as_serving_error
from leadsman_serving.bodies import BodyReader
from leadsman_serving.dataplane import EXTENSIONS, SERVER_NAME, DataPlane, InferResponse, server_version
from leadsman_serving.errors import ClientGone, Code, ServingError
from leadsman_serving.http_request import Request, Response
from leadsman_serving.oip_json import JSON_SIZE_HEADER, HttpRequest

_JSON = b"content-type: application/json\r\n"
_BINARY = b"content-type: application/octet-stream\r\n"
_RETRY_AFTER = b"retry-after: %d\r\n" % RETRY_SECONDS
_ACCEPTED = b"accept-encoding: gzip, deflate\r\n"
"""Tells, with 415, what is taken (RFC 9110, 15.5.16)."""
_JSON_SIZE = JSON_SIZE_HEADER.encode()

_PATIENCE_HEADER = "x-envoy-expected-rq-timeout-ms"
"""How long the gateway will wait for this answer, as Envoy says to whatever is behind it."""
_MOST_DIGITS = 12


class Answer(NamedTuple):
    """A status and a body: of JSON, or when `json_size` is said, of that many bytes of JSON and then binary tensors."""

    status: int
    body: bytes
    json_size: int | None = None


class HttpApp:
    """Answers every request on the serving port, errors with {"error": "..."}.

    `max_body_bytes` bounds what is kept of a request's body, also once decompressed; larger ones are answered 413.
    """

    def __init__(self, plane: DataPlane, attendant: Attendant, max_body_bytes: int) -> None:
        self._plane = plane
        self._attendant = attendant
        self._max_body_bytes = max_body_bytes
        self._bodies = BodyReader()
        self._names = _header("x-leadsman-version", plane.version)
        self._json_headers = _JSON + self._names
        self._server = {"name": SERVER_NAME, "version": server_version(), "extensions": EXTENSIONS}

    def name_revision(self, revision: str) -> None:
        """Say from now on, on every response, which revision answered."""
        self._names += _header("x-leadsman-revision", revision)
        self._json_headers = _JSON + self._names

    @property
    def draining(self) -> bool:
        """Whether clients are to take their connections elsewhere."""
        return self._plane.draining

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises ClientGone."""
        path = _parts(request.path)
        try:
            if path[-1] == "infer" and request.method == "POST":
                call = Call("http", request.path, request.headers.get)
                answer = await self._attendant.attend(call, partial(self._infer, call, path, request))
            elif path[-1] == "feedback" and request.method == "POST":
                answer = await self._take_feedback(path, request)
            else:
                answer = self._look_up(path, request.method)
        except ClientGone:
            raise
        except Exception as error:
            failure = error if isinstance(error, ServingError) else as_serving_error(error)
            answer = _error(failure.code.http, failure.message)
        return self._response(answer)

    def refuse(self, status: int, what: str) -> Response:
        """Return the response to what cannot be taken as a request."""
        return self._response(_error(status, what))

    async def _infer(
        self, call: Call, path: list[str], request: Request, ticket: Ticket
    ) -> tuple[Answer, InferResponse]:
        body, call.bytes_in = await self._bodies.read(request, self._max_body_bytes, ticket.hold)
        ticket.admit()
        self._check_model(path)
        asked = self._asked(body, request.headers.get(JSON_SIZE_HEADER))
        ticket.hold(_beyond(body, asked))
        response = await self._plane.infer(asked.request, _patience(request.headers.get(_PATIENCE_HEADER)))
        answer = Answer(200, *oip_json.response_body(response, asked))
        call.bytes_out = len(answer.body)
        return answer, response

    def _asked(self, body: bytes, json_size: str | None) -> HttpRequest:
        if json_size == "0":
            return oip_json.parse_raw_request(body, self._plane.signature())
        return oip_json.parse_request(body, json_size)

    async def _take_feedback(self, path: list[str], request: Request) -> Answer:
        body, _ = await self._bodies.read(request, min(self._max_body_bytes, feedback.MOST_BYTES), _hold_small)
        self._check_model(path)
        given = feedback.parse_feedback(body)
        self._attendant.metrics.fed_back(given)
        return Answer(200, orjson.dumps({"accepted": len(given)}))

    def _check_model(self, path: list[str]) -> None:
        match path:
            case ["v2", "models", name, _]:
                self._plane.check_name(name, None)
            case ["v2", "models", name, "versions", version, _]:
                self._plane.check_name(name, version)
            case _:
                raise _no_such_path(path)

    def _look_up(self, path: list[str], method: str) -> Answer:
        status, document = self._document(path)
        if method not in ("GET", "HEAD"):
            raise ServingError(Code.METHOD_NOT_ALLOWED, f"/{'/'.join(path)} takes GET, not {method}")
        return Answer(status, orjson.dumps(document))

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
        return 200 if self._plane.ready else Code.UNAVAILABLE.http

    def _response(self, answer: Answer) -> Response:
        if answer.json_size is not None:
            headers = b"%b%b%b: %d\r\n" % (_BINARY, self._names, _JSON_SIZE, answer.json_size)
        elif answer.status == Code.OVERLOADED.http:
            headers = self._json_headers + _RETRY_AFTER
        elif answer.status == Code.UNSUPPORTED_MEDIA.http:
            headers = self._json_headers + _ACCEPTED
        else:
            headers = self._json_headers
        return Response(answer.status, headers, answer.body)


def _error(status: int, message: str) -> Answer:
    return Answer(status, orjson.dumps({"error": message}))


def _header(name: str, value: str) -> bytes:
    # A version is a name for people, and may be anything.
    printable = "".join(letter if letter.isprintable() else "?" for letter in value)
    return f"{name}: {printable}\r\n".encode()


def _beyond(body: bytes, asked: HttpRequest) -> int:
    """Return how many more bytes than the body its tensors take: two letters of JSON may be a number of eight."""
    return max(0, sum([tensor.array.nbytes for tensor in asked.request.inputs.values()]) - len(body))


def _hold_small(_: int) -> None:
    """Feedback is small and read at once: it needs no place among the infer requests."""


@lru_cache(maxsize=256)
def _parts(path: str) -> list[str]:
    return [unquote(part) for part in path.strip("/").split("/")]


def _patience(milliseconds: str | None) -> float | None:
    """Return the seconds that a client waits; a header that is no number says nothing."""
    if milliseconds is None or not milliseconds.isdecimal() or len(milliseconds) > _MOST_DIGITS:
        return None
    return int(milliseconds) / 1000


def _no_such_path(path: list[str]) -> ServingError:
    return ServingError(
        Code.NOT_FOUND,
        f"no such path: /{'/'.join(path)}; models are at /v2/models/NAME[/versions/VERSION][/infer|/feedback]",
    )
