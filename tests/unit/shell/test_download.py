"""Reading over HTTP from who cannot be relied upon."""

import asyncio
import gzip

import httpx
import pytest

from leadsman.shell.download import Limit, ReadError, download
from support.peer import Answer, page, peer

LIMIT = Limit(seconds=0.3, most_bytes=1000)


def says(data: bytes) -> Answer:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


async def read(answer: Answer) -> tuple[int, bytes]:
    async with peer(answer) as url, httpx.AsyncClient(trust_env=False) as http:
        return await download(http, url, LIMIT)


async def test_status_and_body() -> None:
    assert await read(says(page(b"x" * 1000))) == (200, b"x" * 1000)
    assert await read(says(page(b"no such page", status=404))) == (404, b"no such page")


async def test_a_redirect_is_not_followed() -> None:
    status, _ = await read(says(page(b"", status=302, headers="Location: http://10.0.0.1/\r\n")))
    assert status == 302


REFUSED = {
    "an answer that is too long": (page(b"x" * 1001), "longer than 1000 bytes"),
    "one that does not say how long it is": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, "longer than 1000 bytes"),
    "one that ends before its end": (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nx", "closed connection"),
    "one that was not asked to be packed": (
        page(gzip.compress(b"0" * 100_000), headers="Content-Encoding: gzip\r\n"),
        r"packed \(gzip\)",
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "illegal status line"),
    "nothing": (b"", "without sending a response"),
}


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED.keys())
async def test_it_refuses(data: bytes, why: str) -> None:
    with pytest.raises(ReadError, match=why):
        await read(says(data))


async def test_nobody_there() -> None:
    async with peer(says(b"")) as url:
        pass
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(ReadError, match="connection attempts failed"):
            await download(http, url, LIMIT)


async def test_an_answer_that_trickles_has_an_end() -> None:
    stopped = asyncio.Event()

    async def trickle(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        try:
            # Each byte comes in time; the whole never does.
            for _ in range(900):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            stopped.set()

    with pytest.raises(ReadError, match=r"no whole answer within 0\.3 s"):
        await read(trickle)
    await asyncio.wait_for(stopped.wait(), 5)
