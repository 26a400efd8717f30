"""A registry that misbehaves: a real one behind a proxy that changes what it is told to."""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What goes back to the client. `cut_after`: so many bytes of the body are sent, then the connection ends."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut_after: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    size: int


Change = Callable[[Asked, Answer], Answer | None]
"""Returns what is sent instead, or None for what the registry answered."""
Refuse = Callable[[Asked], int | None]
"""Returns after how many bytes of a request's body the connection ends; None: it is taken whole."""


@dataclass
class Proxy:
    """A registry's address, and all that it was asked."""

    host: str
    asked: list[Asked] = field(default_factory=list)
    change: Change = lambda asked, answer: None
    refuse: Refuse = lambda asked: None

    def count(self, method: str, part: str = "") -> int:
        return sum(each.method == method and part in each.path for each in self.asked)

    def uri(self, name: str) -> str:
        return f"oci://{self.host}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    behind: str

    def handle_one(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        asked = Asked(self.command, self.path, self.headers, size)
        self.proxy.asked.append(asked)
        stop = self.proxy.refuse(asked)
        answer = self._forward(self.rfile.read(size if stop is None else stop), size)
        if answer is None:
            self.close_connection = True
        else:
            self._send(self.proxy.change(asked, answer) or answer)

    def _forward(self, body: bytes, size: int) -> Answer | None:
        """Pass the request on. The Host stays the client's, which the registry makes URLs of."""
        with closing(http.client.HTTPConnection(self.behind, timeout=30)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(body)
            if len(body) < size:
                return None
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        kept = {name: value for name, value in answer.headers.items() if name.lower() != "transfer-encoding"}
        if self.command != "HEAD":
            kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
            kept["Content-Length"] = str(len(answer.body))
        for name, value in kept.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut_after])
        self.close_connection = self.close_connection or answer.cut_after is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_one  # noqa: N815 - the names that it looks for

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:  # clients that hang up are part of the tests
        pass


@contextmanager
def in_front_of(behind: str) -> Iterator[Proxy]:
    """Run a proxy in front of the registry at a host and port."""
    handler = type("Handler", (_Handler,), {"behind": behind})
    server = _Server(("127.0.0.1", 0), handler)
    handler.proxy = proxy = Proxy(f"127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
