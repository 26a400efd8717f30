"""A connection of HTTP/1: what comes becomes requests, which an application answers one after the other.

llhttp parses, by httptools; here are the rules of RFC 9112 about connections, and bounds for clients that mean harm.
"""

import asyncio
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from math import inf
from typing import Protocol, cast

import httptools

from leadsman_serving.errors import ClientGone
from leadsman_serving.http_request import Request, Response

MOST_HEADER_BYTES = 64 << 10
"""Of one request."""
MOST_SECONDS = 120.0
"""For a request to come whole, and for a client to read what is written to it."""
_MOST_WAITING_BYTES = 256 << 10  # of a body that nobody has taken yet: then the client has to wait
_MOST_DISCARDED_BYTES = 256 << 20  # of a body that nobody wants: then its connection ends
_MOST_PIPELINED = 16
_SMALL = 64 << 10  # what is quicker copied than written in two parts
_CLOSE, _KEEP = b"connection: close\r\n", b"connection: keep-alive\r\n"
_OF_UPGRADE = ("connection", "upgrade", "http2-settings")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class App(Protocol):
    """Answers requests. While it is `draining`, connections end after their next answer."""

    @property
    def draining(self) -> bool:
        """Whether clients are to take their connections elsewhere."""

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises ClientGone."""

    def refuse(self, status: int, what: str) -> Response:
        """Return the response to what cannot be taken as a request."""


_LINGER_SECONDS = 1.0
_SECONDS_AT_THE_END = 5.0
"""For requests that have begun to come when the server stops."""


class Connections:
    """All there are, with at most `most_unsent` bytes of answers that are not read.

    `date` is the header of that name, as of this second. From `stopping` on, by the loop's clock, each answers what has
    begun to come, and ends.
    """

    def __init__(self, most_unsent: int) -> None:
        self.all: set[Connection] = set()
        self.date = b""
        self.stopping: float | None = None
        self.most_unsent = most_unsent
        self.none_left = asyncio.Event()

    def bound_unsent(self) -> None:
        """End the connections that have not been read from for longest, when too much waits to be sent over all."""
        stalled = sorted((each for each in self.all if each.unsent), key=lambda each: each.full_since)
        unsent = sum(each.unsent for each in stalled)
        for each in stalled:
            if unsent <= self.most_unsent:
                break
            unsent -= each.unsent
            each.abort()


class Connection(asyncio.Protocol):
    """Parses and answers what comes over one transport.

    `unsent` bytes wait for the client to read, since `full_since` by the loop's clock; 0 while it reads.
    """

    def __init__(self, app: App, connections: Connections) -> None:
        self._app = app
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._url: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._raw_bytes = 0
        self._began: float | None = None
        self._receiving: Request | None = None
        self._discarded = 0
        self._pending: deque[Request] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._refusal: Response | None = None
        self.full_since = inf
        self.unsent = 0
        self._unsent_before = 0
        self._sent_at = 0.0
        self._paused = False
        self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.all.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """End; nothing is computed any more for this client."""
        for request in self._pending:
            request.lose()
        if self._answering is not None:
            self._answering.cancel()
        self._connections.all.discard(self)
        if not self._connections.all:
            self._connections.none_left.set()

    def pause_writing(self) -> None:
        """The client does not read what it is sent: it gets no more answers meanwhile."""
        self.full_since = self._loop.time()
        self.unsent = self._transport.get_write_buffer_size()
        self._connections.bound_unsent()

    def resume_writing(self) -> None:
        """The client reads on."""
        self.full_since, self.unsent = inf, 0
        self._next()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._refusal is not None:
            return
        begun = self._began is not None
        if not begun:
            self._began = self._loop.time()
        self._feed(data)
        if self._receiving is None and self._began is not None:  # amid the headers
            self._raw_bytes += len(data) if begun else 0  # the parser keeps a header to itself until it has all of it
            if max(self._header_bytes, self._raw_bytes) > MOST_HEADER_BYTES:
                what = f"the headers of a request may have {MOST_HEADER_BYTES} bytes"
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, what)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"this is no request of HTTP/1.1: {error}")

    def check(self, now: float) -> None:
        """End what takes too long: a request that does not come whole, or an answer that is not read."""
        stopping = self._connections.stopping
        late = stopping is not None and now - stopping > _SECONDS_AT_THE_END
        unsent = self._transport.get_write_buffer_size()
        if unsent:
            if unsent != self._unsent_before:
                self._unsent_before, self._sent_at = unsent, now
            elif late or now - self._sent_at > MOST_SECONDS:
                self.abort()
        elif self._began is not None and (late or now - self._began > MOST_SECONDS):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request did not come whole in {now - self._began:.0f} s")

    def abort(self) -> None:
        """End at once, whatever has not been sent."""
        self.unsent = 0
        self._transport.abort()

    def end_when_idle(self) -> None:
        """Close the connection now, or when the requests that have begun to come are answered."""
        if not self._pending and self._began is None:
            self._transport.close()

    # What the parser tells.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._headers = [], {}
        if self._began is None:  # it came together with the one before
            self._began = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Some of the URL."""
        self._url.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._header_bytes += len(name) + len(value)
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The headers are there: the request can be answered, or refused, while its body comes."""
        self._header_bytes = self._raw_bytes = 0
        parser = self._parser
        if parser.should_upgrade() or self._last:
            return
        request = self._receiving = Request(
            parser.get_method().decode("latin-1"),
            _path(b"".join(self._url)),
            parser.get_http_version(),
            self._headers,
            keep_alive=parser.should_keep_alive(),
            taken=self._read_on,
        )
        self._pending.append(request)
        if len(self._pending) >= _MOST_PIPELINED:
            self._pause()
        self._next()

    def on_body(self, chunk: bytes) -> None:
        """Some of the body."""
        request = self._receiving
        if request is None:
            return
        if request in self._pending:
            request.add(chunk)
            if request.size > _MOST_WAITING_BYTES:
                self._pause()
            return
        self._discarded += len(chunk)  # it has its answer already
        if self._discarded > _MOST_DISCARDED_BYTES:
            self._transport.abort()

    def on_message_complete(self) -> None:
        """The request is whole."""
        request, self._receiving = self._receiving, None
        if request is None:
            return
        self._began, self._discarded = None, 0
        request.finish()
        if self._last:
            self._transport.close()

    # What comes of it.

    def _read_on(self) -> None:
        """The application has taken what there was of the body, or waits for more."""
        if self._transport.is_closing():
            return
        request = self._receiving
        if request not in self._pending:  # it has its answer already
            request = None
        if request is not None and not request.size and request.headers.pop("expect", "").lower() == "100-continue":
            self._transport.write(_CONTINUE)
        if self._paused and len(self._pending) < _MOST_PIPELINED and (request is None or not request.size):
            self._paused = False
            self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _next(self) -> None:
        """Answer the next request, if its client reads its answers."""
        if self._answering is None and self._pending and not self.unsent:
            self._answering = self._loop.create_task(self._answer(self._pending[0]))

    async def _answer(self, request: Request) -> None:
        try:
            response = await self._app.answer(request)
        except ClientGone:
            self._pending.clear()
            self._end()
            return
        except BaseException:
            self._answering = None
            self._transport.abort()  # rather than have the client wait for ever
            raise
        self._answering = None
        self._pending.popleft()
        self._last = not request.keep_alive or self._app.draining or self._connections.stopping is not None
        self._write(request, response)
        if self._last:
            if request.complete:
                self._transport.close()
            else:
                self._read_on()
        elif not self._pending and self._refusal is not None:
            self._end()
        else:
            self._read_on()
            self._next()

    def _refuse(self, status: HTTPStatus, what: str) -> None:
        """Say, after the answers to what came before, that this cannot be answered, and end."""
        if self._refusal is not None:
            return
        self._refusal = self._app.refuse(status, what)
        if self._receiving is not None:
            self._receiving.lose()
            if self._receiving not in self._pending:  # it has its answer already
                self._transport.close()
                return
        if not self._pending:
            self._end()

    def _end(self) -> None:
        if self._refusal is not None and not self._last and not self._transport.is_closing():
            head = _head(self._refusal, self._connections.date, _CLOSE)
            self._transport.write(head + self._refusal.body)
            self._transport.write_eof()
            # Closed at once, while the client still sends, the connection is reset before it has read that.
            self._loop.call_later(_LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def _write(self, request: Request, response: Response) -> None:
        if self._transport.is_closing():
            return
        connection = _CLOSE if self._last else _KEEP if request.version == "1.0" else b""
        head = _head(response, self._connections.date, connection)
        if request.method == "HEAD":
            self._transport.write(head)
        elif len(response.body) <= _SMALL:
            self._transport.write(head + response.body)
        else:
            self._transport.writelines([head, response.body])

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse a request once more as if it had asked for no other protocol, which is our right (RFC 9110, 7.8).

        Java's client asks every server for HTTP/2, and the parser takes the body of such a request for that.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this is no proxy")
            return
        headers = [f"{name}: {value}\r\n" for name, value in self._headers.items() if name not in _OF_UPGRADE]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method, b"".join(self._url), "".join(headers).encode("latin-1"))
        self._parser = httptools.HttpRequestParser(self)
        self._feed(head + rest)


def _head(response: Response, date: bytes, connection: bytes) -> bytes:
    status = _STATUS_LINES[response.status]
    return b"%b%b%b%bcontent-length: %d\r\n\r\n" % (status, response.headers, date, connection, len(response.body))


def _path(url: bytes) -> str:
    """Return the path of a request's target, which proxies are sent as a whole URL."""
    if not url.startswith(b"/"):
        with suppress(httptools.HttpParserInvalidURLError):
            url = httptools.parse_url(url).path or b"/"
    return url.partition(b"?")[0].decode("latin-1")
