"""Asking Prometheus: the answers of a real server, and everything else that may come back."""

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from leadsman.core.evidence import Reading
from leadsman.core.queries import Query
from leadsman.shell.prometheus import PrometheusServer, ask, parse_number

QUERY = Query("revenue", 'sum(rate(revenue{revision="b"}[1m]))', "payments/fraud")


def success(kind: str, result: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def vector(*numbers: str) -> str:
    """As Prometheus 2.42 answers."""
    return success("vector", [{"metric": {"job": "x"}, "value": [1795244233.886, number]} for number in numbers])


NUMBERS = {
    "a vector with one number": (vector("0.25"), 0.25),
    "a scalar": (success("scalar", [1795244233.9, "1e3"]), 1000.0),
    "a negative number": (vector("-1"), -1.0),
    "with warnings": (vector("2").replace("{", '{"warnings": ["slow"], ', 1), 2.0),
}


@pytest.mark.parametrize(("body", "number"), NUMBERS.values(), ids=NUMBERS.keys())
def test_number(body: str, number: float) -> None:
    assert parse_number(200, body.encode()) == number


NONE = {
    "nothing matches": (200, vector(), "the result is empty"),
    "too much matches": (200, vector("1", "2"), "the result has 2 numbers; expected one"),
    "zero by zero": (200, vector("NaN"), "the result is nan"),
    "one by zero": (200, vector("+Inf"), "the result is inf"),
    "a range": (200, success("matrix", [{"metric": {}, "values": [[1, "1"]]}]), "the result is a matrix; expected"),
    "a text": (200, success("string", [1795244233.9, "text"]), "the result is a string; expected"),
    "a histogram": (200, success("vector", [{"metric": {}, "histogram": [1, {}]}]), "not an answer of Prometheus"),
    "a query that is none": (
        400,
        json.dumps({"status": "error", "errorType": "bad_data", "error": "1:4: parse error: unexpected end"}),
        "^1:4: parse error: unexpected end$",
    ),
    "an error without a word": (503, '{"status": "error"}', "HTTP status 503"),
    "no access": (401, "Unauthorized\n", "HTTP status 401, not an answer of Prometheus: Unauthorized"),
    "somebody else": (200, "<html>", "HTTP status 200, not an answer of Prometheus: Invalid JSON"),
    "a number that is none": (200, vector("many"), "not an answer of Prometheus"),
}


@pytest.mark.parametrize(("status", "body", "why"), NONE.values(), ids=NONE.keys())
def test_no_number(status: int, body: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_number(status, body.encode())


async def asked(
    answer: httpx.Response | Exception, *queries: Query, token_file: Path | None = None
) -> tuple[tuple[Reading, ...], list[httpx.Request]]:
    """Ask a server that always answers so."""
    requests = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = PrometheusServer("http://prometheus.monitoring:9090/prefix", token_file)
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        return await ask(http, server, queries), requests


async def test_a_question() -> None:
    readings, [request] = await asked(httpx.Response(200, text=vector("0.5")), QUERY)
    assert readings == (Reading("revenue", 0.5),)
    assert request.url.path == "/prefix/api/v1/query"
    assert request.url.params["query"] == QUERY.text
    assert "Authorization" not in request.headers


async def test_each_question_has_its_reading() -> None:
    readings, _ = await asked(httpx.Response(200, text=vector("2")), QUERY, Query("other", "up", "payments/fraud"))
    assert readings == (Reading("revenue", 2.0), Reading("other", 2.0))


async def test_the_token_is_read_each_time(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    for token in ("first", "second"):
        token_file.write_text(f"{token}\n")
        _, [request] = await asked(httpx.Response(200, text=vector("1")), QUERY, token_file=token_file)
        assert request.headers["Authorization"] == f"Bearer {token}"


async def test_without_a_token_that_is_wanted_nobody_is_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for content in (None, "\n", "ungültig"):
        if content is not None:
            (tmp_path / "token").write_text(content)
        readings, requests = await asked(httpx.Response(200), QUERY, token_file=tmp_path / "token")
        assert readings == (Reading("revenue", None),)
        assert requests == []
    assert [str(tmp_path / "token") in message for message in caplog.messages] == [True, True, False]


SILENCE = {
    "no answer": httpx.ConnectError("refused"),
    "too late an answer": httpx.ReadTimeout("too late"),
    "an answer without a number": httpx.Response(200, text=vector()),
    "an answer that is too long": httpx.Response(200, content=b" " * 2_000_000),
}


@pytest.mark.parametrize("answer", SILENCE.values(), ids=SILENCE.keys())
async def test_silence_is_a_reading_without_a_value_and_is_told(
    answer: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    readings, _ = await asked(answer, QUERY)
    assert readings == (Reading("revenue", None),)
    [message] = caplog.messages
    assert message.startswith("payments/fraud: check revenue has no number: ")
    assert message.endswith(f"asked: {QUERY.text}")


async def test_nobody_to_ask(caplog: pytest.LogCaptureFixture) -> None:
    async with httpx.AsyncClient() as http:
        assert await ask(http, None, [QUERY]) == (Reading("revenue", None),)
        assert await ask(http, None, []) == ()
    assert "LEADSMAN_PROMETHEUS_URL is not set" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
