import itertools

import httpx
import pytest

from leadsman_serving.metrics import DURATION_BOUNDS
from serving.process import ServerProcess

REQUESTS = "leadsman_serving_requests_total"
DURATION = "leadsman_serving_request_duration_seconds"


def look_up(client: httpx.Client, server: ServerProcess, index: object) -> httpx.Response:
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [index]}
    return client.post(server.infer_url, json={"inputs": [tensor]})


def test_every_answer_is_counted_once(lookup_server: ServerProcess, client: httpx.Client) -> None:
    at_first = lookup_server.metrics()
    assert at_first[(REQUESTS, frozenset({("code", "200")}))] == 0
    assert at_first[(REQUESTS, frozenset({("code", "500")}))] == 0
    assert at_first[(f"{DURATION}_count", frozenset())] == 0

    for _ in range(7):
        assert look_up(client, lookup_server, 1).status_code == 200
    for _ in range(3):
        assert look_up(client, lookup_server, 99).status_code == 500
    for _ in range(2):
        assert look_up(client, lookup_server, "one").status_code == 400
    assert client.post(f"{lookup_server.url}/v2/models/other/infer").status_code == 404
    client.get(f"{lookup_server.url}/v2/models/m")

    counted = {code: lookup_server.metric(REQUESTS, code=code) for code in ("200", "400", "404", "500")}
    assert counted == {"200": 7, "400": 2, "404": 1, "500": 3}
    assert lookup_server.metric(f"{DURATION}_count") == 7, "only successes have a latency"
    assert lookup_server.metric(f"{DURATION}_bucket", le="+Inf") == 7
    assert 0 < lookup_server.metric(f"{DURATION}_sum") < 7
    assert lookup_server.metric("leadsman_serving_in_flight") == 0


def test_what_is_served_and_since_when(lookup_server: ServerProcess) -> None:
    text = httpx.get(lookup_server.metrics_url).text
    (info,) = (line for line in text.splitlines() if line.startswith("leadsman_serving_model_info{"))
    for label in ('model="m"', 'revision="rev-a"', 'version="v1"', 'digest="sha256:'):
        assert label in info
    assert lookup_server.metric("process_start_time_seconds") > 0


def test_an_input_the_model_fails_on_harms_nobody_else(lookup_server: ServerProcess, client: httpx.Client) -> None:
    response = look_up(client, lookup_server, 99)
    assert response.status_code == 500
    error = response.json()["error"]
    assert error.startswith("the model failed on this input: ")
    assert "idx=99 must be within the inclusive range [-3,2]" in error
    assert look_up(client, lookup_server, 2).json()["outputs"][0]["data"] == [3.5]
    assert client.get(f"{lookup_server.url}/v2/health/ready").status_code == 200


def test_bounds_rise_by_a_fifth_as_the_operators_default_tolerance_does() -> None:
    ratios = [high / low for low, high in itertools.pairwise(DURATION_BOUNDS)]
    assert DURATION_BOUNDS[0] == 0.0002
    assert DURATION_BOUNDS[-1] > 9
    assert ratios == pytest.approx([1.2] * len(ratios), rel=0.001)


def test_failures_of_the_model_are_logged_without_flooding(lookup_server: ServerProcess, client: httpx.Client) -> None:
    for _ in range(50):
        look_up(client, lookup_server, 99)
    assert lookup_server.stop() == 0
    (failure,) = lookup_server.log[1:]
    assert failure.startswith("the model failed on this input: ")
