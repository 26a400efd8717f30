"""The body of an HTTP request: bounded as it comes, and bounded again once it is decompressed."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice

from granian.rsgi import (  # type: ignore[attr-defined] # granian does not mark its re-exports
    HTTPProtocol,
    ProtocolClosed,
    ProtocolError,
    Scope,
)

from leadsman_serving.attendant import ClientGone
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.inflating import inflated, is_plain

_PATIENCE = 4
"""A body too large is read and thrown away up to this multiple of the limit."""
Hold = Callable[[int], None]
"""Is told of bytes before they are kept."""


class BodyReader:
    """Reads the bodies of requests. Belongs to one event loop."""

    def __init__(self) -> None:
        # One thread, so that only one body at a time grows to what a few bytes of it may stand for.
        self._inflating = ThreadPoolExecutor(1, thread_name_prefix="inflate")

    async def read(self, scope: Scope, protocol: HTTPProtocol, limit: int, hold: Hold) -> tuple[bytes, int]:
        """Return the body of a request, decompressed as its Content-Encoding says, and how many bytes it came as.

        `hold` is told of what both take.

        Raises ServingError: too large when it has more than `limit` bytes, as it comes or decompressed; unsupported
        media for another encoding than gzip and deflate; invalid argument when it is not what it says. What `hold`
        raises, and ClientGone.
        """
        body = await _read(scope, protocol, limit, hold)
        coding = scope.headers.get("content-encoding")
        if coding is None or is_plain(coding):
            return body, len(body)
        plain = await self._inflate(inflated(body, coding), limit)
        hold(len(plain))
        return plain, len(body)

    async def _inflate(self, pieces: Iterator[bytes], limit: int) -> bytes:
        """Return a body's pieces as one: a small body at once, the rest of a larger one on the thread."""
        first = [*islice(pieces, 2)]
        if len(first) < 2:
            return _join(first, limit)
        return await asyncio.get_running_loop().run_in_executor(self._inflating, _join, chain(first, pieces), limit)


def _join(pieces: Iterable[bytes], limit: int) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit, "decompressed request body")
        kept.append(piece)
    return b"".join(kept)


async def _read(scope: Scope, protocol: HTTPProtocol, limit: int, hold: Hold) -> bytes:
    try:
        declared = scope.headers.get("content-length")
        if declared is not None and int(declared) <= limit:
            hold(int(declared))
            return await protocol()
        return await _read_chunks(protocol, limit, hold)
    except (ProtocolClosed, ProtocolError):
        raise ClientGone from None


async def _read_chunks(protocol: HTTPProtocol, limit: int, hold: Hold) -> bytes:
    kept: list[bytes] = []
    received = 0
    refused: ServingError | None = None
    # Answering while the client still sends would reset its connection before it has read the answer.
    async for chunk in protocol:
        received += len(chunk)
        if refused is not None:
            if received > limit * _PATIENCE:
                break
            continue
        try:
            if received > limit:
                raise _too_large(limit, "request body")
            hold(len(chunk))
            kept.append(bytes(chunk))
        except ServingError as error:
            refused = error
            kept.clear()
    if refused is not None:
        raise refused
    return b"".join(kept)


async def discard(protocol: HTTPProtocol, limit: int) -> None:
    """Read a body of at most `limit` bytes and throw it away, if nobody has read it; its client has to send it all."""
    received = 0
    with suppress(ProtocolClosed, ProtocolError):
        async for chunk in protocol:
            received += len(chunk)
            if received > limit:
                break


def _too_large(limit: int, what: str) -> ServingError:
    return ServingError(Code.TOO_LARGE, f"the {what} is larger than {limit} bytes, the most taken here")
