"""Ask a Prometheus server for the numbers that a policy's prometheus checks want."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from leadsman.core.evidence import Reading
from leadsman.core.queries import Query
from leadsman.shell.download import Limit, ReadError, download
from leadsman.shell.validation import first_problem

# A pass waits for it: what takes longer belongs into a recording rule.
_LIMIT = Limit(seconds=3.0, most_bytes=1024 * 1024)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrometheusServer:
    """Where the server is, and what it wants to see."""

    url: str
    """Base URL, without a slash at its end."""
    token_file: Path | None = None
    """Holds a bearer token. Read each time, because tokens are renewed."""


class _Sample(BaseModel):
    """One series of a vector: time, and the number as text."""

    value: tuple[float, float]


class _Data(BaseModel):
    """What a query led to."""

    result_type: str = Field(alias="resultType")
    result: Any


class _Answer(BaseModel):
    """The body of an answer of the API."""

    status: Literal["success", "error"]
    error: str = ""
    data: _Data | None = None


_VECTOR = TypeAdapter(list[_Sample])
_SCALAR = TypeAdapter(tuple[float, float])


async def ask(
    http: httpx.AsyncClient, server: PrometheusServer | None, queries: Sequence[Query]
) -> tuple[Reading, ...]:
    """Ask all queries at once. One to which there is no number has a reading without a value, and a line in the log."""
    return tuple(await asyncio.gather(*(_ask(http, server, query) for query in queries)))


async def _ask(http: httpx.AsyncClient, server: PrometheusServer | None, query: Query) -> Reading:
    try:
        if server is None:
            raise ReadError("LEADSMAN_PROMETHEUS_URL is not set (value prometheus.url of the chart)")
        status, body = await download(
            http,
            f"{server.url}/api/v1/query",
            _LIMIT,
            parameters={"query": query.text, "timeout": f"{_LIMIT.seconds:g}s"},
            headers=authorization(server),
        )
        return Reading(query.name, parse_number(status, body))
    except (ReadError, ValueError, OSError) as error:
        # Once in the check's interval at most.
        log.warning("%s: check %s has no number: %s; asked: %s", query.model, query.name, error, query.text)
        return Reading(query.name, None)


def authorization(server: PrometheusServer) -> dict[str, str]:
    """Return the headers that the server wants to see. Raises ReadError, OSError or ValueError for a bad token file."""
    if server.token_file is None:
        return {}
    token = server.token_file.read_text(encoding="ascii").strip()
    if not token:
        raise ReadError(f"{server.token_file} is empty; expected a bearer token")
    return {"Authorization": f"Bearer {token}"}


def parse_number(status: int, body: bytes) -> float:
    """Return the one number of an answer of /api/v1/query. Raises ValueError when there is none, or several."""
    try:
        answer = _Answer.model_validate_json(body)
        if answer.data is None or answer.status == "error":
            raise ValueError(answer.error or f"HTTP status {status}")
        return _number(answer.data)
    except ValidationError as error:
        # A proxy that refuses does not answer as Prometheus does.
        said = first_problem(error) if status == httpx.codes.OK else body[:200].decode(errors="replace")
        raise ValueError(f"HTTP status {status}, not an answer of Prometheus: {said}") from error


def _number(data: _Data) -> float:
    match data.result_type:
        case "vector":
            numbers = [sample.value[1] for sample in _VECTOR.validate_python(data.result)]
        case "scalar":
            numbers = [_SCALAR.validate_python(data.result)[1]]
        case other:
            raise ValueError(f"the result is a {other}; expected a scalar or a vector with one number")
    if not numbers:
        raise ValueError("the result is empty; there is no such series, or none yet")
    if len(numbers) > 1:
        raise ValueError(f"the result has {len(numbers)} numbers; expected one, as of sum()")
    if not isfinite(numbers[0]):
        raise ValueError(f"the result is {numbers[0]}, as of a division by nothing; expected a number")
    return numbers[0]
