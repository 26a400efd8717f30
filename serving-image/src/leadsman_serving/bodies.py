"""The body of an HTTP request: bounded as it comes, and bounded again once it is decompressed."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.http_request import Request
from leadsman_serving.inflating import inflated, is_plain

Hold = Callable[[int], None]
"""Is told of bytes before they are kept."""


class BodyReader:
    """Reads the bodies of requests. Belongs to one event loop."""

    def __init__(self) -> None:
        # One thread, so that only one body at a time grows to what a few bytes of it may stand for.
        self._inflating = ThreadPoolExecutor(1, thread_name_prefix="inflate")

    async def read(self, request: Request, limit: int, hold: Hold) -> tuple[bytes, int]:
        """Return the body of a request, decompressed as its Content-Encoding says, and how many bytes it came as.

        `hold` is told of what both take.

        Raises ServingError: too large when it has more than `limit` bytes, as it comes or decompressed; unsupported
        media for another encoding than gzip and deflate; invalid argument when it is not what it says. What `hold`
        raises, and ClientGone.
        """
        body = await _read(request, limit, hold)
        coding = request.headers.get("content-encoding")
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


async def _read(request: Request, limit: int, hold: Hold) -> bytes:
    declared = request.headers.get("content-length")
    if declared is not None and int(declared) > limit:
        raise _too_large(limit, "request body")
    chunks: list[bytes] = []
    received = 0
    while not request.complete or request.size:
        chunk = await request.receive()
        received += len(chunk)
        if received > limit:
            raise _too_large(limit, "request body")
        hold(len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int, what: str) -> ServingError:
    return ServingError(Code.TOO_LARGE, f"the {what} is larger than {limit} bytes, the most taken here")
