"""The rules of HTTP/1.1 about connections, as clients of all kinds live by them; an application that echoes."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman_serving import http_connection
from leadsman_serving.bodies import BodyReader
from leadsman_serving.errors import ServingError
from leadsman_serving.http_request import Request, Response
from leadsman_serving.http_server import HttpServer
from serving.process import free_ports

MOST_BODY, MOST_UNSENT = 1 << 20, 8 << 20
LARGE = b"y" * (6 << 20)


class Echo:
    """Answers with the method, the path and the body; refuses bodies beyond MOST_BODY.

    "/wait" waits for ever, "/held" for `release`.
    """

    def __init__(self) -> None:
        self.draining = False
        self.waiting = asyncio.Event()
        self.given_up = asyncio.Event()
        self.release = asyncio.Event()
        self._bodies = BodyReader()

    async def answer(self, request: Request) -> Response:
        if request.path == "/wait":
            self.waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        if request.path == "/held":
            await self.release.wait()
        if request.path == "/bug":
            raise ZeroDivisionError
        if request.path == "/large":
            return Response(200, b"", LARGE)
        try:
            body, _ = await self._bodies.read(request, MOST_BODY, lambda _: None)
        except ServingError as error:
            return self.refuse(error.code.http, error.message)
        return Response(200, b"x-echo: 1\r\n", f"{request.method} {request.path} ".encode() + body)

    def refuse(self, status: int, what: str) -> Response:
        return Response(status, b"", what.encode())


@pytest.fixture
async def server() -> AsyncIterator[SimpleNamespace]:
    app, (port,) = Echo(), free_ports(1)
    http = HttpServer(app, "127.0.0.1", port, MOST_UNSENT)
    await http.start()
    ending = asyncio.create_task(http.ended())
    peers: list[Peer] = []
    yield SimpleNamespace(app=app, port=port, http=http, ending=ending, peers=peers)
    for peer in peers:
        await peer.close()
    http.stop()
    await asyncio.wait_for(ending, 30)


class Peer:
    """A connection on which a test says every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def response(self, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        length = 0 if head else int(headers["content-length"])
        return int(lines[0].split()[1]), headers, await asyncio.wait_for(self.reader.readexactly(length), 30)

    async def ended(self) -> bool:
        with suppress(ConnectionResetError):
            return await asyncio.wait_for(self.reader.read(1), 30) == b""
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def connect(server: SimpleNamespace, limit: int = 1 << 16) -> Peer:
    server.peers.append(Peer(*await asyncio.open_connection("127.0.0.1", server.port, limit=limit)))
    return server.peers[-1]  # type: ignore[no-any-return]


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_one_connection_carries_one_request_after_the_other(server: SimpleNamespace) -> None:
    peer = await connect(server)
    for number in range(3):
        peer.send(post(f"/{number}?q=1", b"body"))
        status, headers, body = await peer.response()
        assert (status, body) == (200, f"POST /{number} body".encode())
        assert headers["x-echo"] == "1"
        assert headers["date"].endswith(" gmt")
        assert "connection" not in headers


async def test_requests_that_come_together_are_answered_in_order(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(*(post(f"/{number}", b"x" * number) for number in range(100)))
    for number in range(100):
        assert (await peer.response())[2] == f"POST /{number} ".encode() + b"x" * number


WHOLE = post("/a%20b", b"0123456789", "X-Y: z")
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nabcd\r\n6;x=y\r\nefghij\r\n0\r\nT: v\r\n\r\n"
)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, len(WHOLE + CHUNKED) - 1), max_size=8, unique=True))
def test_it_is_no_matter_where_the_network_cuts(cuts: list[int]) -> None:
    async def ask() -> None:
        app, (port,) = Echo(), free_ports(1)
        http = HttpServer(app, "127.0.0.1", port, MOST_UNSENT)
        await http.start()
        peer = await connect(SimpleNamespace(port=port, peers=[]))
        data, start = WHOLE + CHUNKED, 0
        for cut in [*sorted(cuts), len(data)]:
            peer.send(data[start:cut])
            await peer.writer.drain()
            await asyncio.sleep(0)
            start = cut
        assert (await peer.response())[2] == b"POST /a%20b 0123456789"
        assert (await peer.response())[2] == b"POST /c abcdefghij"
        await peer.close()
        http.stop()
        await http.ended()

    asyncio.run(ask())


async def test_a_body_in_chunks_is_bounded_too(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"z" * 0x10000 + b"\r\n"
    peer.send(*[chunk] * 20, b"0\r\n\r\n", post("/next", b""))
    assert (await peer.response())[0] == 413
    assert (await peer.response())[2] == b"POST /next ", "the connection goes on"


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(server: SimpleNamespace) -> None:
    peer = await connect(server)
    body = b"z" * (MOST_BODY + 1)
    request = post("/", body)
    peer.send(request[: -len(body)])
    assert (await peer.response())[0] == 413
    peer.send(body, post("/next", b""))
    assert (await peer.response())[2] == b"POST /next "


async def test_a_body_that_piles_up_and_is_refused_then_is_read_off(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(post("/held", b""), post("/", b"z" * (3 * MOST_BODY)), post("/next", b""))
    with suppress(TimeoutError):
        await asyncio.wait_for(peer.writer.drain(), 0.2)  # until nobody takes any more
    server.app.release.set()
    assert (await peer.response())[0] == 200
    assert (await peer.response())[0] == 413
    assert (await peer.response())[2] == b"POST /next "


@pytest.mark.parametrize(
    ("request_head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
async def test_who_wants_to_keep_a_connection(server: SimpleNamespace, request_head: bytes, kept: bool) -> None:
    peer = await connect(server)
    peer.send(request_head)
    _, headers, body = await peer.response()
    assert body == b"GET / "
    if kept:
        assert headers.get("connection") == ("keep-alive" if b"1.0" in request_head else None)
        peer.send(request_head)
        assert (await peer.response())[2] == b"GET / "
    else:
        assert headers["connection"] == "close"
        assert await peer.ended()


async def test_a_client_that_asks_first_is_told_to_continue(server: SimpleNamespace) -> None:
    peer = await connect(server)
    request = post("/", b"body", "Expect: 100-continue")
    peer.send(request[:-4])
    assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.send(b"body")
    assert (await peer.response())[2] == b"POST / body"


async def test_another_protocol_is_not_spoken_and_the_request_answered(server: SimpleNamespace) -> None:
    peer = await connect(server)
    java = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk")
    for _ in range(2):
        peer.send(post("/java", b"body", *java))
        assert (await peer.response())[2] == b"POST /java body"


async def test_a_head_has_no_body(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", post("/next", b""))
    status, headers, _ = await peer.response(head=True)
    assert (status, headers["content-length"]) == (200, "7")
    assert (await peer.response())[2] == b"POST /next "


async def test_a_proxys_request_names_the_whole_url(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(b"GET http://x:80/path?q HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await peer.response())[2] == b"GET /path "


REFUSED = {
    "no HTTP": (b"\x16\x03\x01 hello\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
    "a length and chunks": (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a length that is none": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "chunks that are none": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "a proxy's tunnel": (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_request_is_refused_and_ends_the_connection(server: SimpleNamespace, case: str) -> None:
    data, status = REFUSED[case]
    peer = await connect(server)
    peer.send(post("/first", b""), data)
    assert (await peer.response())[2] == b"POST /first ", "what came before is answered"
    refused, headers, _ = await peer.response()
    assert (refused, headers["connection"]) == (status, "close")
    assert await peer.ended()


async def test_headers_without_end_are_refused(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(b"GET / HTTP/1.1\r\n")
    with suppress(ConnectionError):
        for _ in range(40):
            peer.send(b"X-Y: " + b"z" * 4000 + b"\r\n")
            await peer.writer.drain()
    assert (await peer.response())[0] == 431


async def test_what_does_not_come_whole_in_time_is_given_up(
    server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "MOST_SECONDS", 0.1)
    for sent in (b"GET / HTT", post("/", b"body")[:-1]):
        peer = await connect(server)
        peer.send(sent)
        assert (await peer.response())[0] == 408
        assert await peer.ended()
    idle = await connect(server)
    idle.send(post("/", b""))
    await idle.response()
    late = await connect(server)
    late.send(b"GET")
    assert (await late.response())[0] == 408
    idle.send(post("/still", b""))
    assert (await idle.response())[2] == b"POST /still ", "a connection that is idle is kept"


async def test_nothing_is_done_any_more_for_a_client_that_has_gone(server: SimpleNamespace) -> None:
    peer = await connect(server)
    peer.send(post("/wait", b""))
    await asyncio.wait_for(server.app.waiting.wait(), 30)
    await peer.close()
    await asyncio.wait_for(server.app.given_up.wait(), 30)


async def test_a_bug_ends_the_connection_instead_of_having_the_client_wait(server: SimpleNamespace) -> None:
    bugs: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: bugs.append(context["exception"]))
    peer = await connect(server)
    peer.send(post("/bug", b""))
    assert await peer.ended()
    gc.collect()  # a task tells of its failure when nobody can ask for it any more
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]


async def test_answers_that_nobody_reads_are_bounded_and_the_slowest_cut_off(server: SimpleNamespace) -> None:
    peers = []
    for _ in range(4):
        peer = await connect(server, limit=1024)
        peer.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        await peer.reader.readexactly(1)
        peers.append(peer)
    read = [await whole(peer) for peer in peers]
    assert read[0] is False, "the first ones to stall"
    assert read[-1] is True


async def whole(peer: Peer) -> bool:
    """Whether a client that starts to read now still gets its first answer."""
    try:
        await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), 30)
        await asyncio.wait_for(peer.reader.readexactly(len(LARGE)), 30)
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    return True


async def test_who_stops_answers_what_has_begun_and_ends_what_is_idle(server: SimpleNamespace) -> None:
    idle, busy = await connect(server), await connect(server)
    idle.send(post("/", b""))
    await idle.response()
    busy.send(post("/", b"body")[:-1])
    await asyncio.sleep(0.05)  # it has no way to say that it has come so far
    server.http.stop()
    assert await idle.ended()
    busy.send(b"y")
    _, headers, body = await busy.response()
    assert (body, headers["connection"]) == (b"POST / body", "close")
    await asyncio.wait_for(server.ending, 30)
    with pytest.raises(ConnectionRefusedError):
        await connect(server)


async def test_an_answer_that_nobody_reads_does_not_keep_it_from_ending(
    server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "_SECONDS_AT_THE_END", 0.1)
    peer = await connect(server, limit=1024)
    peer.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    await peer.reader.readexactly(1)
    server.http.stop()
    await asyncio.wait_for(server.ending, 30)


async def test_a_request_that_never_comes_whole_does_not_keep_it_from_ending(
    server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "_SECONDS_AT_THE_END", 0.1)
    peer = await connect(server)
    peer.send(post("/", b"body")[:-1])
    await asyncio.sleep(0.05)  # it has no way to say that it has come so far
    server.http.stop()
    await asyncio.wait_for(server.ending, 30)
