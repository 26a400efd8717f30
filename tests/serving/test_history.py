"""Requests and errors by minute: /history on the metrics port."""

import httpx

from leadsman_serving.history import MINUTES, History
from serving.clock import Clock, wall_clock
from serving.process import ServerProcess


def test_over_http(lookup_server: ServerProcess, client: httpx.Client) -> None:
    assert client.get(lookup_server.history_url).json() == {"seconds": 60, "ticks": []}

    def infer(index: object) -> int:
        tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [index]}
        return client.post(lookup_server.infer_url, json={"inputs": [tensor]}).status_code

    first = int(wall_clock() // 60)
    assert [infer(index) for index in (0, 1, 2, 99, "one", 0)] == [200, 200, 200, 500, 400, 200]
    client.get(f"{lookup_server.url}/v2/models/m")
    last = int(wall_clock() // 60)

    response = client.get(lookup_server.history_url)
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert set(document) == {"seconds", "ticks"}
    minutes, requests, errors = zip(*document["ticks"], strict=True)
    assert set(minutes) <= {first, last}, "a minute is that of the answer"
    assert (sum(requests), sum(errors)) == (6, 2), "a look-up is no infer request; 4xx and 5xx are errors"


def test_is_only_read_and_only_on_the_metrics_port(lookup_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(lookup_server.history_url)
    assert (response.status_code, response.json()) == (405, {"error": "/history takes GET, not POST"})
    assert client.get(f"{lookup_server.url}/history").status_code == 404


def test_minutes_with_requests_only_and_oldest_first() -> None:
    clock = Clock()
    history = History(clock)
    first = clock.minute
    history.count(failed=True)
    history.count(failed=False)
    clock.now += 59.9
    history.count(failed=False)
    clock.now += 0.1
    history.count(failed=False)
    clock.now += 10 * 60
    assert history.ticks() == [(first, 3, 1), (first + 1, 1, 0)]
    history.count(failed=True)
    assert history.ticks() == [(first, 3, 1), (first + 1, 1, 0), (first + 11, 1, 1)]


def test_forgets_after_a_day() -> None:
    clock = Clock()
    history = History(clock)
    for _ in range(2 * MINUTES):
        history.count(failed=False)
        clock.now += 60
    clock.now -= 60
    assert [minute for minute, _, _ in history.ticks()] == list(range(clock.minute - MINUTES + 1, clock.minute + 1))
    assert len(history._ticks) == MINUTES, "memory is bounded"
    clock.now += (MINUTES - 1) * 60
    assert len(history.ticks()) == 1, "without new requests too"


def test_a_clock_that_is_set_back() -> None:
    clock = Clock()
    history = History(clock)
    first = clock.minute
    history.count(failed=False)
    clock.now += 60
    history.count(failed=False)
    clock.now -= 60
    history.count(failed=True)
    assert history.ticks() == [(first, 2, 1)], "what has not been yet is not told"
    clock.now += 60
    assert history.ticks() == [(first, 2, 1), (first + 1, 1, 0)]


def test_a_day_in_a_wrong_future_is_forgotten() -> None:
    clock = Clock()
    history = History(clock)
    clock.now += 365 * 24 * 3600
    for _ in range(MINUTES):
        history.count(failed=True)
        clock.now += 60
    clock.now -= 365 * 24 * 3600 + MINUTES * 60
    history.count(failed=False)
    assert history.ticks() == [(clock.minute, 1, 0)]
    assert len(history._ticks) == 1
