"""Waiting for what becomes so, with a deadline instead of a guess."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SECONDS = 60.0
_PERIOD = 0.05


def eventually(what: Callable[[], T], says: str, seconds: float = _SECONDS) -> T:
    """Return the first truthy answer. Fails with `says` after the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"not so after {seconds} s: {says}"
        time.sleep(_PERIOD)
    return answer


async def soon(what: Callable[[], T], says: str, seconds: float = _SECONDS) -> T:
    """The same in another thread, while the event loop goes on with what is waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := await asyncio.to_thread(what)):
        assert time.monotonic() < deadline, f"not so after {seconds} s: {says}"
        await asyncio.sleep(_PERIOD)
    return answer
