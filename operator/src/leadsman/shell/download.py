"""Reading a small document over HTTP from whoever may be slow, broken or hostile."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from leadsman.core.names import METRICS_PORT
from leadsman.core.pods import Pod

POD_SECONDS = 2.0


class ReadError(Exception):
    """There is no answer that could be used; the message says why."""


@dataclass(frozen=True)
class Limit:
    """How long an answer may take, and how long it may be. Beyond it there is none."""

    seconds: float
    most_bytes: int


async def download(
    http: httpx.AsyncClient,
    url: str,
    limit: Limit,
    *,
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Return the HTTP status and the body of a GET. Redirects are not followed. Raises ReadError."""
    # What is packed could be small on the wire and large in memory.
    asked = {"Accept-Encoding": "identity", **(headers or {})}
    try:
        # httpx's own limit is on each read; a server that trickles must not hold up the pass.
        async with (
            asyncio.timeout(limit.seconds),
            http.stream("GET", url, params=parameters, headers=asked, timeout=limit.seconds) as response,
        ):
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ReadError(
                    f"the answer is packed ({response.headers['Content-Encoding']}), which nobody asked for"
                )
            return response.status_code, await _body(response, limit.most_bytes)
    except TimeoutError as error:
        raise ReadError(f"no whole answer within {limit.seconds:g} s") from error
    except httpx.HTTPError as error:
        raise ReadError(str(error) or type(error).__name__) from error


async def download_from_pod(http: httpx.AsyncClient, pod: Pod, path: str, most_bytes: int) -> bytes:
    """Return what a serving pod has at a path of its metrics port. Raises ReadError, also where it has no such path."""
    host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
    status, body = await download(http, f"http://{host}:{METRICS_PORT}{path}", Limit(POD_SECONDS, most_bytes))
    if status != httpx.codes.OK:
        raise ReadError(f"{path}: HTTP status {status}")
    return body


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise ReadError(f"the answer is longer than {most_bytes} bytes")
    return bytes(body)
