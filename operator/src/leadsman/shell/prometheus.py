"""Ask a Prometheus server for the numbers that a policy's prometheus checks want."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

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
    value: tuple[float, float]  # time, and the number as text


class _Vector(BaseModel):
    result_type: Literal["vector"] = Field(alias="resultType")
    result: list[_Sample]


class _Scalar(BaseModel):
    result_type: Literal["scalar"] = Field(alias="resultType")
    result: tuple[float, float]


class _Success(BaseModel):
    status: Literal["success"]
    data: _Vector | _Scalar = Field(discriminator="result_type")


class _Failure(BaseModel):
    status: Literal["error"]
    error: str


async def ask(
    http: httpx.AsyncClient, server: PrometheusServer | None, queries: Sequence[Query]
) -> tuple[Reading, ...]:
    """Ask all queries at once. One to which there is no number has a reading without a value, and a line in the log."""
    return tuple(await asyncio.gather(*(_ask(http, server, query) for query in queries)))


async def _ask(http: httpx.AsyncClient, server: PrometheusServer | None, query: Query) -> Reading:
    try:
        if server is None:
            raise ReadError("LEADSMAN_PROMETHEUS_URL is not set (value prometheus.url of the chart)")
        _, body = await download(
            http,
            f"{server.url}/api/v1/query",
            _LIMIT,
            parameters={"query": query.text, "timeout": f"{_LIMIT.seconds:g}s"},
            headers=_headers(server),
        )
        return Reading(query.name, parse_number(body))
    except (ReadError, ValueError, OSError) as error:
        # Once in the check's interval at most.
        log.warning("Prometheus has no number for check %s: %s; asked: %s", query.name, error, query.text)
        return Reading(query.name, None)


def _headers(server: PrometheusServer) -> dict[str, str]:
    if server.token_file is None:
        return {}
    token = server.token_file.read_text(encoding="ascii").strip()
    if not token:
        raise ReadError(f"{server.token_file} is empty; expected a bearer token")
    return {"Authorization": f"Bearer {token}"}


def parse_number(body: bytes) -> float:
    """Return the one number of an answer of /api/v1/query. Raises ValueError when there is none, or several."""
    try:
        return _number(_Success.model_validate_json(body).data)
    except ValidationError as error:
        raise ValueError(_complaint(body) or f"no answer of Prometheus: {first_problem(error)}") from error


def _number(data: _Vector | _Scalar) -> float:
    values = [sample.value for sample in data.result] if isinstance(data, _Vector) else [data.result]
    if len(values) != 1:
        raise ValueError(f"the result has {len(values)} numbers; expected one, as of sum() or a scalar")
    number = values[0][1]
    if not isfinite(number):
        raise ValueError(f"the result is {number}; nothing was counted yet, or divided by nothing")
    return number


def _complaint(body: bytes) -> str | None:
    try:
        return _Failure.model_validate_json(body).error
    except ValidationError:
        return None
