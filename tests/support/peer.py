"""An HTTP server of a few lines that answers whatever a test says, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Is given the request's head, and writes what it likes."""


@asynccontextmanager
async def peer(answer: Answer) -> AsyncIterator[str]:
    """Serve on this machine for as long as the context is open; gives the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await answer(head.decode(), writer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


def page(body: bytes, *, status: int = 200, headers: str = "") -> bytes:
    """A whole answer."""
    return f"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
