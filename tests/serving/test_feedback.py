"""Late labels: POST /v2/models/NAME/feedback."""

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from leadsman_serving.admission import Admission
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.feedback import Feedback
from leadsman_serving.history import History
from leadsman_serving.metrics import ServingMetrics
from serving.clock import Clock
from serving.process import ServerProcess

FAMILY = "leadsman_serving_feedback_total"
RIGHT = {"revision": "rev-a", "correct": True}
WRONG = {"revision": "rev-a", "correct": False}


def give(client: httpx.Client, server: ServerProcess, *entries: object) -> httpx.Response:
    return client.post(server.feedback_url, json={"feedback": entries})


def counted(server: ServerProcess) -> dict[tuple[str, str], float]:
    """(revision, outcome) to count, without zeros."""
    samples = [
        sample
        for family in text_string_to_metric_families(httpx.get(server.metrics_url).text)
        for sample in family.samples
        if sample.name == FAMILY
    ]
    for sample in samples:
        assert set(sample.labels) == {"model", "revision", "outcome"}
        assert sample.labels["model"] == "m"
    return {(sample.labels["revision"], sample.labels["outcome"]): sample.value for sample in samples if sample.value}


def test_counts_for_the_revision_that_the_client_names(lookup_server: ServerProcess, client: httpx.Client) -> None:
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}
    revision = client.post(lookup_server.infer_url, json={"inputs": [tensor]}).headers["x-leadsman-revision"]
    mine = {"revision": revision, "correct": True}
    other = {"revision": "bcd24567", "correct": False}

    response = give(client, lookup_server, mine, other, mine)
    assert (response.status_code, response.json()) == (200, {"accepted": 3})
    versioned = f"{lookup_server.url}/v2/models/m/versions/v1/feedback"
    response = client.post(versioned, json={"feedback": [other | {"correct": True}]})
    assert (response.status_code, response.json()) == (200, {"accepted": 1})
    assert counted(lookup_server) == {("rev-a", "right"): 2, ("bcd24567", "wrong"): 1, ("bcd24567", "right"): 1}


@pytest.mark.parametrize(("index", "status"), [(1, 200), ("one", 400), (99, 500)])
def test_every_answer_names_its_revision(
    index: object, status: int, lookup_server: ServerProcess, client: httpx.Client
) -> None:
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [index]}
    response = client.post(lookup_server.infer_url, json={"inputs": [tensor]})
    assert (response.status_code, response.headers["x-leadsman-revision"]) == (status, "rev-a")


def test_is_no_infer_request(lookup_server: ServerProcess, client: httpx.Client) -> None:
    assert give(client, lookup_server, RIGHT).status_code == 200
    assert give(client, lookup_server).status_code == 400
    metrics = lookup_server.metrics()
    assert {value for (name, _), value in metrics.items() if name.startswith("leadsman_serving_request")} == {0}
    assert client.get(lookup_server.history_url).json()["ticks"] == []


def test_a_pod_counts_for_a_bounded_number_of_revisions(lookup_server: ServerProcess, client: httpx.Client) -> None:
    others = [{"revision": f"r{number}", "correct": True} for number in range(40)]
    for entry in others[:31]:
        assert give(client, lookup_server, entry).status_code == 200
    before = counted(lookup_server)
    response = give(client, lookup_server, others[0], RIGHT, others[31])
    assert response.status_code == 400
    assert response.json()["error"].startswith("too many revisions: this server counts for at most 32")
    assert "'r31'" in response.json()["error"]
    assert counted(lookup_server) == before, "all of a body is counted or nothing"

    assert give(client, lookup_server, *others[:31], RIGHT).status_code == 200
    assert counted(lookup_server)[("rev-a", "right")] == 1, "its own revision always has a place"


REFUSED: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"correct", "the request body is not valid JSON: "),
    "nothing": (b"", "the request body is not valid JSON: "),
    "no UTF-8": (b'{"feedback": ["\xff"]}', "the request body is not valid JSON: "),
    "nested ever deeper": (b"[" * 100_000, "the request body is not valid JSON: "),
    "nested as deep as goes": (b'{"feedback": ' + b"[" * 1000 + b"]" * 1000 + b"}", "feedback[0] must be an object"),
    "a list": (b"[]", "the request body must be a JSON object, not a list"),
    "another key": (b'{"labels": []}', "the request body has no 'feedback'; expected exactly 'feedback'"),
    "one key more": (b'{"feedback": [], "model": 1}', "the request body has 'model'; expected exactly 'feedback'"),
    "an object for the list": (b'{"feedback": {}}', "'feedback' must be a list, not an object"),
    "no entry": (b'{"feedback": []}', "'feedback' must have 1 to 1000 entries, not 0"),
    "one entry too many": (
        orjson.dumps({"feedback": [RIGHT] * 1001}),
        "'feedback' must have 1 to 1000 entries, not 1001",
    ),
}
REFUSED_ENTRIES: dict[str, tuple[object, str]] = {
    "no object": (True, "feedback[1] must be an object with 'revision' and 'correct', not a boolean"),
    "a key missing": ({"revision": "a"}, "feedback[1] has no 'correct'; expected exactly 'revision' and 'correct'"),
    "a key too many": (RIGHT | {"why": 1}, "feedback[1] has 'why'; expected exactly 'revision' and 'correct'"),
    "a key too long": (RIGHT | {"k" * 9999: 1}, f"feedback[1] has '{'k' * 63}…'; expected exactly"),
    "a number for the revision": (RIGHT | {"revision": 1}, "feedback[1]: 'revision' must be a string, not a whole"),
    "an empty revision": (RIGHT | {"revision": ""}, "feedback[1]: 'revision' is ''; expected 1 to 63 of a-z, 0-9"),
    "a revision in capitals": (RIGHT | {"revision": "A"}, "feedback[1]: 'revision' is 'A'; expected"),
    "a revision of two lines": (RIGHT | {"revision": "a\n"}, "feedback[1]: 'revision' is 'a\\n'; expected"),
    "a revision that is too long": (RIGHT | {"revision": "a" * 64}, f"feedback[1]: 'revision' is '{'a' * 63}…'; expec"),
    "a word for correct": (RIGHT | {"correct": "true"}, "feedback[1]: 'correct' must be true or false, not a string"),
    "a number for correct": (RIGHT | {"correct": 1}, "feedback[1]: 'correct' must be true or false, not a whole numb"),
    "null for correct": (RIGHT | {"correct": None}, "feedback[1]: 'correct' must be true or false, not null"),
}
REFUSED |= {
    case: (orjson.dumps({"feedback": [RIGHT, entry]}), error) for case, (entry, error) in REFUSED_ENTRIES.items()
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_and_where(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    body, error = REFUSED[case]
    before = counted(total_server)
    response = client.post(total_server.feedback_url, content=body)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith(error)
    assert counted(total_server) == before


ELSEWHERE = {
    "another model": ("POST", "/v2/models/n/feedback", 404, "no model 'n' here; this server has 'm'"),
    "another version": ("POST", "/v2/models/m/versions/v2/feedback", 404, "model 'm' has no version 'v2' here"),
    "no model": ("POST", "/v2/feedback", 404, "no such path: /v2/feedback"),
    "another method": ("GET", "/v2/models/m/feedback", 405, "/v2/models/m/feedback takes POST"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_elsewhere(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    method, path, status, error = ELSEWHERE[case]
    response = client.request(method, total_server.url + path, json={"feedback": [RIGHT]})
    assert response.status_code == status
    assert response.json()["error"].startswith(error)


def test_as_much_as_goes(lookup_server: ServerProcess, client: httpx.Client) -> None:
    revisions = [f"{number:02}".rjust(63, "a") for number in range(31)]
    entries = [{"revision": revisions[index % 31], "correct": index % 2 == 0} for index in range(1000)]
    response = client.post(lookup_server.feedback_url, content=orjson.dumps({"feedback": entries}))
    assert (response.status_code, response.json()) == (200, {"accepted": 1000})
    counts = counted(lookup_server)
    assert (len(counts), sum(counts.values())) == (62, 1000)


def test_a_huge_body(lookup_server: ServerProcess, client: httpx.Client) -> None:
    body = orjson.dumps({"feedback": [RIGHT]}) + b" " * (1 << 19)
    response = client.post(lookup_server.feedback_url, content=body)
    assert response.status_code == 413
    assert "larger than 262144 bytes" in response.json()["error"]
    assert give(client, lookup_server, RIGHT).status_code == 200


def test_waits_for_the_model() -> None:
    metrics = ServingMetrics("m", "v1", History(Clock()), Admission(1, 1))
    with pytest.raises(ServingError, match="still loading") as raised:
        metrics.fed_back([Feedback("bcd24567", correct=True)])
    assert raised.value.code is Code.UNAVAILABLE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["revision", "correct", "feedback"]), inner)
    ),
    max_leaves=8,
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(orjson.dumps)
    | st.fixed_dictionaries({"feedback": json_values}).map(orjson.dumps)
    | st.fixed_dictionaries({"feedback": st.lists(st.just(WRONG) | json_values)}).map(orjson.dumps)
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_any_body(body: bytes, total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(total_server.feedback_url, content=body)
    document: dict[str, Any] = response.json()
    assert (response.status_code, set(document)) in ((200, {"accepted"}), (400, {"error"})), (body, document)
    assert client.get(f"{total_server.url}/v2/health/ready").status_code == 200
    assert total_server.log[1:] == [], "nothing that a client does is a bug in the server"
