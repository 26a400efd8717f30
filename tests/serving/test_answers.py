"""The ring of answers that the operator compares: /answers on the metrics port."""

import math
import socket
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from leadsman_serving.answers import MOST_ANSWERS, MOST_BYTES, SECONDS_AFTER_ASKED, Answers
from leadsman_serving.signature import Tensor
from leadsman_serving.tensors import Array
from serving import models
from serving.clock import Clock, wall_clock
from serving.process import ServerProcess, serving


def infer(client: httpx.Client, server: ServerProcess, index: object, identifier: str | None = None) -> httpx.Response:
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [index]}
    headers = {} if identifier is None else {"x-request-id": identifier}
    return client.post(server.infer_url, json={"inputs": [tensor]}, headers=headers)


def ask(client: httpx.Client, server: ServerProcess, after: int | None = None) -> dict[str, Any]:
    response = client.get(server.answers_url, params={} if after is None else {"after": after})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    assert set(document) == {"now", "last", "answers"}
    return document


def test_from_the_first_time_that_somebody_asks(lookup_server: ServerProcess, client: httpx.Client) -> None:
    assert infer(client, lookup_server, 0, "too early").status_code == 200
    before = wall_clock()
    first = ask(client, lookup_server)
    assert (first["last"], first["answers"]) == (0, [])

    assert infer(client, lookup_server, 1, "one").status_code == 200
    assert infer(client, lookup_server, 2, "two").status_code == 200
    document = ask(client, lookup_server)
    assert before - 0.001 <= first["now"] <= document["now"] <= wall_clock() + 0.001, "Unix seconds, to the millisecond"
    times = [answer.pop("at") for answer in document["answers"]]
    assert first["now"] <= times[0] <= times[1] <= document["now"]
    assert document["last"] == 2
    assert document["answers"] == [
        {"seq": 1, "id": "one", "outputs": [{"name": "y", "shape": [1], "values": [2.5]}]},
        {"seq": 2, "id": "two", "outputs": [{"name": "y", "shape": [1], "values": [3.5]}]},
    ]
    assert [answer["id"] for answer in ask(client, lookup_server, after=0)["answers"]] == ["one", "two"]
    assert [answer["id"] for answer in ask(client, lookup_server, after=1)["answers"]] == ["two"]
    assert ask(client, lookup_server, after=2)["answers"] == []
    assert ask(client, lookup_server, after=10**15 - 1)["last"] == 2, "so a restart shows"


def test_only_good_answers_to_requests_with_an_id(lookup_server: ServerProcess, client: httpx.Client) -> None:
    ask(client, lookup_server)
    assert infer(client, lookup_server, 1).status_code == 200
    assert infer(client, lookup_server, 1, "").status_code == 200
    assert infer(client, lookup_server, "one", "a bad request").status_code == 400
    assert infer(client, lookup_server, 99, "a failure").status_code == 500
    assert client.get(f"{lookup_server.url}/v2/models/m", headers={"x-request-id": "a look-up"}).status_code == 200
    assert ask(client, lookup_server)["last"] == 0


def test_a_classifiers_outputs_as_they_were_asked_for(tmp_path: Path, client: httpx.Client) -> None:
    rows = {"name": "X", "datatype": "FP32", "shape": [2, 3], "data": [[0, 0, 0], [1, 1, 1]]}
    headers = {"x-request-id": "0c4e5f5e"}
    with serving(models.save(models.classifier(zipmap=False), tmp_path)) as server:
        ask(client, server)
        answered = client.post(server.infer_url, json={"inputs": [rows]}, headers=headers).json()["outputs"]
        wanted = {"inputs": [rows], "outputs": [{"name": "probabilities"}]}
        client.post(server.infer_url, json=wanted, headers=headers)
        both, one = (answer["outputs"] for answer in ask(client, server)["answers"])
    assert both[0] == {"name": "label", "shape": [2], "values": [0, 1]}
    assert (both[1]["name"], both[1]["shape"]) == ("probabilities", [2, 2])
    assert both[1]["values"] == pytest.approx(answered[1]["data"], rel=1e-6)
    assert one == both[1:]


@pytest.mark.parametrize(
    "query",
    ["after=", "after=-1", "after=1.5", "after=%F0%9F%98%80", "after=" + "9" * 5000, "after=1&after=2", "afer=1"],
)
def test_a_question_that_is_not_understood(query: str, lookup_server: ServerProcess, client: httpx.Client) -> None:
    response = client.get(f"{lookup_server.answers_url}?{query}")
    assert response.status_code == 400
    assert response.json() == {"error": "/answers takes after=SEQ, with the 'seq' of an answer or 0, or nothing"}
    infer(client, lookup_server, 1, "one")
    assert ask(client, lookup_server)["last"] == 0, "it starts no recording either"


def test_is_only_read_and_only_on_the_metrics_port(lookup_server: ServerProcess, client: httpx.Client) -> None:
    assert client.post(lookup_server.answers_url).status_code == 405
    assert client.get(f"{lookup_server.url}/answers").status_code == 404


def test_any_id(lookup_server: ServerProcess, client: httpx.Client) -> None:
    ask(client, lookup_server)
    body = b'{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}]}'
    identifiers = [b"\xff\xfe", "é".encode(), b'"quotes" and \\', b"x" * 10_000]
    for identifier in identifiers:
        with socket.create_connection(("127.0.0.1", httpx.URL(lookup_server.url).port or 0), timeout=10) as connection:
            head = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n"
            connection.sendall(head % (len(body), identifier) + body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 "), identifier
    recorded = [answer["id"] for answer in ask(client, lookup_server)["answers"]]
    assert recorded[-2:] == [identifier.decode() for identifier in identifiers[-2:]]
    assert lookup_server.log[1:] == []


def recorded(*arrays: Array) -> list[dict[str, Any]]:
    answers = Answers(Clock())
    answers.page("")
    answers.record("id", {f"y{index}": Tensor("", array) for index, array in enumerate(arrays)})
    (answer,) = orjson.loads(answers.page(""))["answers"]
    outputs: list[dict[str, Any]] = answer["outputs"]
    return outputs


def test_values_that_json_does_not_have() -> None:
    array = np.array([math.nan, math.inf, -math.inf, 0.1, 1 / 3, 1, 1.7976931348623157e308])
    assert recorded(array)[0]["values"] == ["NaN", "Infinity", "-Infinity", 0.1, 0.3333333, 1.0, 1.797693e308]
    assert recorded(array[:5].astype(np.float16))[0]["values"] == ["NaN", "Infinity", "-Infinity", 0.09997559, 0.333252]


def test_values_of_every_kind() -> None:
    arrays = np.array([True]), np.array([2**64 - 1], np.uint64), np.array(["é", "z" * 9999], object), np.array(1.5)
    assert [(output["shape"], output["values"]) for output in recorded(*arrays)] == [
        ([1], [True]),
        ([1], [2**64 - 1]),
        ([2], ["é", "z" * 256]),
        ([], [1.5]),
    ]


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((64,), (64,)),
        ((65,), (64,)),
        ((100, 3), (21, 3)),
        ((1, 1000), (1, 64)),
        ((7, 8, 9), (1, 7, 9)),
        ((0, 1000), (0, 1000)),
        ((200, 1), (64, 1)),
    ],
)
def test_the_first_64_values_in_whole_rows(shape: tuple[int, ...], kept: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape)).reshape(shape)
    (output,) = recorded(array)
    assert output["shape"] == list(kept)
    assert output["values"] == array[tuple(slice(size) for size in kept)].reshape(-1).tolist()


def test_of_a_row_of_scores_that_is_too_long_the_place_of_the_highest() -> None:
    scores = np.zeros((2, 1000), np.float32)
    scores[0, 999], scores[1, 70] = 1, 1
    (output,) = recorded(scores)
    assert (output["shape"], output["values"]) == ([2], [999, 70])


def test_the_ring_keeps_the_latest() -> None:
    answers = Answers(Clock())
    answers.page("")
    for number in range(MOST_ANSWERS + 10):
        answers.record(str(number), {})
    document = orjson.loads(answers.page(""))
    assert document["last"] == MOST_ANSWERS + 10
    assert [answer["seq"] for answer in document["answers"]] == list(range(11, MOST_ANSWERS + 11))
    assert orjson.loads(answers.page("after=5"))["answers"] == document["answers"], "what is gone is gone"


def test_the_ring_is_bounded_whatever_the_model_says() -> None:
    answers = Answers(Clock())
    answers.page("")
    outputs = {f"y{index}": Tensor("BYTES", np.array(["\x00" * 256] * 64, object)) for index in range(4)}
    for number in range(100):
        answers.record(str(number), outputs)
    page = answers.page("")
    assert 0.8 * MOST_BYTES < len(page) < 1.01 * MOST_BYTES
    assert orjson.loads(page)["answers"][-1]["id"] == "99"


def test_stops_and_forgets_when_nobody_asks() -> None:
    clock = Clock()
    answers = Answers(clock)
    answers.page("")
    clock.now += SECONDS_AFTER_ASKED
    answers.record("in time", {})
    assert answers.on
    assert len(orjson.loads(answers.page(""))["answers"]) == 1

    clock.now += SECONDS_AFTER_ASKED + 1
    answers.record("too late", {})
    assert not answers.on
    document = orjson.loads(answers.page(""))
    assert (document["last"], document["answers"]) == (1, [])
    answers.record("again", {})
    (answer,) = orjson.loads(answers.page("after=1"))["answers"]
    assert (answer["seq"], answer["id"]) == (2, "again"), "numbers go on"

    clock.now += SECONDS_AFTER_ASKED + 1
    assert orjson.loads(answers.page(""))["answers"] == [], "without new requests too"


def test_a_clock_that_is_set_back() -> None:
    clock = Clock()
    answers = Answers(clock)
    answers.page("")
    clock.now -= 3600
    answers.record("x", {})
    assert not answers.on
