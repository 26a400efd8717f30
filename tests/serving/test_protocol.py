"""The Open Inference Protocol v2 over HTTP, against the real server."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import models
from serving.process import ServerProcess, serving

A = {"name": "a", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
B = {"name": "b", "datatype": "FP32", "shape": [1, 3], "data": [[0.5, 0.5, 0.5]]}
SUM = {"name": "sum", "datatype": "FP32", "shape": [1, 3], "data": [1.5, 2.5, 3.5]}
DIFFERENCE = {"name": "difference", "datatype": "FP32", "shape": [1, 3], "data": [0.5, 1.5, 2.5]}

METADATA = {
    "name": "m",
    "versions": ["v1"],
    "platform": "onnx_onnxv1",
    "inputs": [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in "ab"],
    "outputs": [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("sum", "difference")],
}

LOOK_UPS: dict[str, tuple[str, str, int, object]] = {
    "the server is alive": ("GET", "/v2/health/live", 200, {"live": True}),
    "the server is ready": ("GET", "/v2/health/ready", 200, {"ready": True}),
    "the model is ready": ("GET", "/v2/models/m/ready", 200, {"name": "m", "ready": True}),
    "the version is ready": ("GET", "/v2/models/m/versions/v1/ready", 200, {"name": "m", "ready": True}),
    "model metadata": ("GET", "/v2/models/m", 200, METADATA),
    "version metadata": ("GET", "/v2/models/m/versions/v1", 200, METADATA),
    "another model": ("GET", "/v2/models/n", 404, {"error": "no model 'n' here; this server has 'm'"}),
    "another version": (
        "GET",
        "/v2/models/m/versions/v2/ready",
        404,
        {"error": "model 'm' has no version 'v2' here; this server has 'v1'"},
    ),
    "infer by GET": ("GET", "/v2/models/m/infer", 405, {"error": "/v2/models/m/infer takes POST"}),
    "metadata by DELETE": ("DELETE", "/v2/models/m", 405, {"error": "/v2/models/m takes GET, not DELETE"}),
}


@pytest.mark.parametrize("case", LOOK_UPS)
def test_look_up(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    method, path, status, document = LOOK_UPS[case]
    response = client.request(method, total_server.url + path)
    assert (response.status_code, response.json()) == (status, document)
    assert response.headers["x-leadsman-revision"] == "rev-a"
    assert response.headers["x-leadsman-version"] == "v1"


def test_server_metadata(total_server: ServerProcess, client: httpx.Client) -> None:
    for path in ("/v2", "/v2/"):
        document = client.get(total_server.url + path).json()
        assert (document["name"], document["extensions"]) == ("leadsman-serving", ["binary_tensor_data"])
        assert document["version"]


ANSWERED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "all outputs when none is named": ({"inputs": [A, B]}, {"outputs": [SUM, DIFFERENCE]}),
    "the order of inputs does not matter": ({"inputs": [B, A]}, {"outputs": [SUM, DIFFERENCE]}),
    "one output": ({"inputs": [A, B], "outputs": [{"name": "difference"}]}, {"outputs": [DIFFERENCE]}),
    "outputs in the order asked for": (
        {"inputs": [A, B], "outputs": [{"name": "difference"}, {"name": "sum"}]},
        {"outputs": [DIFFERENCE, SUM]},
    ),
    "the id comes back": ({"id": "r-1", "inputs": [A, B]}, {"id": "r-1", "outputs": [SUM, DIFFERENCE]}),
    "parameters that ask for nothing special": (
        {"inputs": [A | {"parameters": {"content_type": "np"}}, B], "parameters": {"binary_data_output": False}},
        {"outputs": [SUM, DIFFERENCE]},
    ),
    "no rows": (
        {"inputs": [each | {"shape": [0, 3], "data": []} for each in (A, B)], "outputs": [{"name": "sum"}]},
        {"outputs": [SUM | {"shape": [0, 3], "data": []}]},
    ),
}


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/v2/models/m/versions/v1/infer"])
@pytest.mark.parametrize("case", ANSWERED)
def test_answered(case: str, path: str, total_server: ServerProcess, client: httpx.Client) -> None:
    request, answer = ANSWERED[case]
    response = client.post(total_server.url + path, json=request)
    assert response.status_code == 200, response.text
    assert response.json() == {"model_name": "m", "model_version": "v1"} | answer
    assert response.headers["x-leadsman-revision"] == "rev-a"


REFUSED: dict[str, tuple[object, str]] = {
    "not an object": ([], "must be a JSON object, not a list"),
    "no inputs": ({}, "'inputs' must be a list of tensors"),
    "not one input": ({"inputs": []}, "input 'a' is missing; the model takes 'a', 'b'"),
    "an input that is no object": ({"inputs": [1]}, "inputs[0] must be an object with a string 'name'"),
    "an input twice": ({"inputs": [A, A]}, "input 'a' is given twice"),
    "an input missing": ({"inputs": [A]}, "input 'b' is missing"),
    "an unknown input": ({"inputs": [A, B, A | {"name": "c"}]}, "no input 'c'; it takes 'a', 'b'"),
    "an unknown output": (
        {"inputs": [A, B], "outputs": [{"name": "z"}]},
        "no output 'z'; it gives 'sum', 'difference'",
    ),
    "an output twice": ({"inputs": [A, B], "outputs": [{"name": "sum"}] * 2}, "'outputs' names an output twice"),
    "outputs that are no list": ({"inputs": [A, B], "outputs": "sum"}, "'outputs' must be a list, not a string"),
    "a number as id": ({"id": 1, "inputs": [A, B]}, "'id' must be a string, not a whole number"),
    "an unknown datatype": (
        {"inputs": [A | {"datatype": "FP8"}, B]},
        "input 'a': datatype is FP8; expected one of BOOL",
    ),
    "another datatype": ({"inputs": [A | {"datatype": "FP64"}, B]}, "input 'a': the model takes FP32, but the request"),
    "a negative shape": ({"inputs": [A | {"shape": [-1, 3]}, B]}, "input 'a': 'shape' must be a list of whole numbers"),
    "another shape": ({"inputs": [A | {"shape": [3, 1]}, B]}, "takes shape [-1, 3], but the request has [3, 1]"),
    "too little data": ({"inputs": [A | {"data": [1]}, B]}, "shape [1, 3] holds 3 elements, but data has 1"),
    "no data": (
        {"inputs": [{"name": "a", "datatype": "FP32", "shape": [1, 3]}, B]},
        "input 'a': 'data' is missing, and",
    ),
    "parameters that are no object": ({"inputs": [A, B], "parameters": 1}, "'parameters' of the request must be an"),
    "a word for binary output": (
        {"inputs": [A, B], "parameters": {"binary_data_output": "yes"}},
        "parameter 'binary_data_output' of the request must be true or false, not a string",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    request, message = REFUSED[case]
    response = client.post(total_server.infer_url, json=request)
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_a_body_that_is_not_json(total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(total_server.infer_url, content=b'{"inputs": [')
    assert response.status_code == 400
    assert response.json()["error"].startswith("the request body is not valid JSON: ")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit(chunked: bool, total_server: ServerProcess, client: httpx.Client) -> None:
    content = iter([b" " * 60_000] * 2) if chunked else b" " * 120_000
    response = client.post(total_server.infer_url, content=content)
    assert response.status_code == 413
    assert "larger than 100000 bytes" in response.json()["error"]


def test_a_chunked_body_within_the_limit(total_server: ServerProcess, client: httpx.Client) -> None:
    whole = httpx.Request("POST", "http://any", json={"inputs": [A, B]}).content
    response = client.post(total_server.infer_url, content=iter([whole[:10], whole[10:]]))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("path", ["/v2/models/n/infer", "/v2/models/m/versions/v2/infer", "/v2/infer", "/infer"])
def test_infer_somewhere_else(path: str, total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(total_server.url + path, json={"inputs": [A, B]})
    assert response.status_code == 404
    assert response.json()["error"]


SAMPLES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "UINT64": [0, 2**64 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "INT8": [-128, 127],
    "FP16": [0.5, 65504.0],
    "FP32": [0.1, -3.4028235e38],
    "FP64": [0.1, 1.7976931348623157e308],
    "BYTES": ["", "Zürich \u0000 \U0001f600"],
}


def test_every_datatype_passes_through_unchanged(datatypes_server: ServerProcess, client: httpx.Client) -> None:
    inputs = [
        {"name": f"x_{name}", "datatype": name, "shape": [2, 1], "data": SAMPLES.get(name, [1, 2])}
        for name in models.DATATYPES
    ]
    response = client.post(datatypes_server.infer_url, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    expected = [each | {"name": each["name"].replace("x", "y", 1)} for each in inputs]
    assert response.json()["outputs"] == expected


def test_a_scikit_learn_classifier(tmp_path: Path, client: httpx.Client) -> None:
    with serving(models.save(models.classifier(zipmap=False), tmp_path)) as server:
        tensor = {"name": "X", "datatype": "FP32", "shape": [2, 3], "data": [[0, 0, 0], [1, 1, 1]]}
        document = client.post(server.infer_url, json={"inputs": [tensor]}).json()
    label, probabilities = document["outputs"]
    assert label == {"name": "label", "datatype": "INT64", "shape": [2], "data": [0, 1]}
    assert (probabilities["datatype"], probabilities["shape"]) == ("FP32", [2, 2])
    assert sum(probabilities["data"][:2]) == pytest.approx(1)
