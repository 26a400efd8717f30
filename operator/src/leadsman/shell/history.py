"""Read what serving pods remember of the last day, minute by minute."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leadsman.core.evidence import Minute
from leadsman.core.pods import Pod
from leadsman.shell.download import ReadError, download_from_pod
from leadsman.shell.validation import first_problem

_MOST_BYTES = 256 * 1024
_MOST_MINUTES = 24 * 60 + 1  # a day, and the minute that has just begun
_Count = Annotated[int, Field(ge=0, le=10**15)]

log = logging.getLogger(__name__)


class _Document(BaseModel):
    """The body of GET /history."""

    model_config = ConfigDict(strict=True)

    seconds: Literal[60]
    ticks: list[tuple[_Count, _Count, _Count]] = Field(max_length=_MOST_MINUTES)


async def read_histories(http: httpx.AsyncClient, pods: Sequence[Pod]) -> list[tuple[Minute, ...]]:
    """Return the histories of the pods that have one, all read at once."""
    found = await asyncio.gather(*(_read(http, pod) for pod in pods if pod.ip))
    return [history for history in found if history is not None]


async def _read(http: httpx.AsyncClient, pod: Pod) -> tuple[Minute, ...] | None:
    try:
        return parse_history(await download_from_pod(http, pod, "/history", _MOST_BYTES))
    except (ReadError, ValueError) as error:
        log.debug("pod %s gives no history: %s", pod.name, error)
        return None


def parse_history(body: bytes) -> tuple[Minute, ...]:
    """Parse the body of GET /history. Raises ValueError."""
    try:
        document = _Document.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(f"/history: {first_problem(error)}") from error
    minutes = tuple(Minute(*tick) for tick in document.ticks)
    if any(minute.errors > minute.requests for minute in minutes):
        raise ValueError("/history: more errors than requests in a minute")
    return minutes
