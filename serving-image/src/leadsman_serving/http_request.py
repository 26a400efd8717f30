"""One HTTP request as its connection receives it, and the response that an application makes of it."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from leadsman_serving.errors import ClientGone


class Response(NamedTuple):
    """A status, headers as they travel (lines that end in CR LF), and a body."""

    status: int
    headers: bytes
    body: bytes


class Request:
    """A request whose headers are there, named in lower case, and whose body may still come. Belongs to one loop.

    `taken` is called when somebody has taken what there was of the body, or waits for more.
    """

    __slots__ = (
        *("_chunks", "_taken", "_waiting"),
        *("complete", "gone", "headers", "keep_alive", "method", "path", "size", "version"),
    )

    def __init__(
        self,
        method: str,
        path: str,
        version: str,
        headers: dict[str, str],
        *,
        keep_alive: bool,
        taken: Callable[[], None],
    ) -> None:
        self.method = method
        self.path = path
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.complete = False
        self.gone = False
        self.size = 0
        """Of what waits to be taken, in bytes."""
        self._chunks: list[bytes] = []
        self._taken = taken
        self._waiting: asyncio.Future[None] | None = None

    async def receive(self) -> bytes:
        """Return what has come of the body since the last time, b"" when that was all. Raises ClientGone."""
        while not self._chunks and not self.complete and not self.gone:
            self._waiting = asyncio.get_running_loop().create_future()
            self._taken()
            await self._waiting
        if self.gone:
            raise ClientGone
        chunks, self._chunks, self.size = self._chunks, [], 0
        if not self.complete:
            self._taken()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def add(self, chunk: bytes) -> None:
        """Take in more of the body."""
        self._chunks.append(chunk)
        self.size += len(chunk)
        self._wake()

    def finish(self) -> None:
        """The body is complete."""
        self.complete = True
        self._wake()

    def lose(self) -> None:
        """The client has gone, or what it sends is no body."""
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
