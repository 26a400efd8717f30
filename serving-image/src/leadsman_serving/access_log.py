"""The access log: a line of JSON for every infer request, and never what it asked or was answered."""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import orjson

from leadsman_serving.account import REQUEST_ID, Account, Served
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)

_EVERY_SECONDS = 0.1
_MOST_BYTES = 8 << 20
"""What waits for a reader of the log that does not take it."""
_LAST_SECONDS = 2.0
_MOST_CHARACTERS = 128


def entry(account: Account, served: Served, at: float, trace_id: str | None) -> dict[str, Any]:
    """Return what is said of a request that came `at` (Unix seconds); what is not known of it is left out."""
    call, ran = account.call, account.ran
    request_id = call.header(REQUEST_ID)
    said = {
        "time": f"{_second(int(at))}.{int(at % 1 * 1000):03}Z",
        "protocol": call.protocol,
        **served._asdict(),
        "code": account.status,
        "ms": _milliseconds(account.ended - account.began),
        "queued_ms": _milliseconds(ran.queued) if ran else None,
        "computed_ms": _milliseconds(ran.computed) if ran else None,
        "batch_size": ran.requests if ran else None,
        "bytes_in": call.bytes_in,
        "bytes_out": call.bytes_out,
        "request_id": request_id[:_MOST_CHARACTERS] if request_id else None,
        "trace_id": trace_id,
    }
    return {key: value for key, value in said.items() if value is not None}


class AccessLog:
    """Writes lines to `stream` from a thread of its own, ten times a second. Belongs to one event loop.

    A line is whole or not there: those that wait for a stream which takes none are bounded, and further ones are lost,
    with a warning.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-log")
        self._warnings = ThrottledLog(log)
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def write(self, said: dict[str, Any]) -> None:
        """Add a line."""
        line = orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)
        if self._waiting_bytes + len(line) > _MOST_BYTES:
            self._warnings.warn("a line of the access log is lost: nobody takes what is written to standard output")
            return
        self._lines.append(line)
        self._waiting_bytes += len(line)
        if self._timer is None:
            self._timer = self._loop.call_later(_EVERY_SECONDS, self._flush)

    def close(self) -> None:
        """Write what is left, and return when it is written, within some seconds."""
        if self._timer is not None:
            self._timer.cancel()
        last = self._thread.submit(self._write, b"".join(self._lines))
        try:
            last.result(_LAST_SECONDS)
        except TimeoutError:
            log.warning("the end of the access log is lost: nobody takes what is written to standard output")

    def _flush(self) -> None:
        self._timer = None
        if self._writing is not None and not self._writing.done():
            self._timer = self._loop.call_later(_EVERY_SECONDS, self._flush)
            return
        lines, self._lines, self._waiting_bytes = b"".join(self._lines), [], 0
        self._writing = self._thread.submit(self._write, lines)

    def _write(self, lines: bytes) -> None:
        try:
            self._stream.write(lines)
            self._stream.flush()
        except OSError as error:
            self._warnings.warn(f"lines of the access log are lost: {error.strerror}")


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
