"""The binary tensor extension of HTTP, against the real server."""

import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from serving import models
from serving.process import ServerProcess, serving

HEADER = "Inference-Header-Content-Length"
A = np.array([[1, 2, 3]], dtype=np.float32)
B = np.array([[0.5, 0.5, 0.5]], dtype=np.float32)
AS_JSON = {name: {"name": name, "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]} for name in "ab"}
AS_BYTES = {
    name: {"name": name, "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": 12}} for name in "ab"
}


def post(
    client: httpx.Client, url: str, document: dict[str, Any], *tensors: bytes, header: str | None = None
) -> httpx.Response:
    head = orjson.dumps(document)
    return client.post(url, content=b"".join((head, *tensors)), headers={HEADER: header or str(len(head))})


def parts(response: httpx.Response) -> tuple[dict[str, Any], bytes]:
    """The JSON and the bytes after it, of an answer that says that there are some."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    size = int(response.headers[HEADER])
    return orjson.loads(response.content[:size]), response.content[size:]


def described(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": len(data)}}


SUM, DIFFERENCE = (A + B).tobytes(), (A - B).tobytes()
JSON_SUM = {"name": "sum", "datatype": "FP32", "shape": [1, 3], "data": [1.5, 2.5, 3.5]}

ASKED: dict[str, tuple[dict[str, Any], list[Any], bytes]] = {
    "all outputs": (
        {"parameters": {"binary_data_output": True}},
        [described("sum", SUM), described("difference", DIFFERENCE)],
        SUM + DIFFERENCE,
    ),
    "one output": (
        {"outputs": [{"name": "difference", "parameters": {"binary_data": True}}, {"name": "sum"}]},
        [described("difference", DIFFERENCE), JSON_SUM],
        DIFFERENCE,
    ),
    "all outputs but one": (
        {
            "outputs": [{"name": "sum", "parameters": {"binary_data": False}}, {"name": "difference"}],
            "parameters": {"binary_data_output": True},
        },
        [JSON_SUM, described("difference", DIFFERENCE)],
        DIFFERENCE,
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_binary_outputs(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    wishes, outputs, tail = ASKED[case]
    response = post(
        client,
        total_server.infer_url,
        {"id": "7", "inputs": [AS_BYTES["a"], AS_BYTES["b"]]} | wishes,
        A.tobytes() + B.tobytes(),
    )
    assert parts(response) == ({"model_name": "m", "model_version": "v1", "id": "7", "outputs": outputs}, tail)
    assert response.headers["x-leadsman-revision"] == "rev-a"


def test_json_and_binary_inputs_mixed_answered_in_json(total_server: ServerProcess, client: httpx.Client) -> None:
    response = post(client, total_server.infer_url, {"inputs": [AS_JSON["a"], AS_BYTES["b"]]}, B.tobytes())
    assert response.headers["content-type"] == "application/json"
    assert HEADER not in response.headers
    assert response.json()["outputs"][0] == JSON_SUM


def test_inputs_are_taken_in_the_order_in_which_the_json_names_them(
    total_server: ServerProcess, client: httpx.Client
) -> None:
    response = post(
        client, total_server.infer_url, {"inputs": [AS_BYTES["b"], AS_BYTES["a"]]}, B.tobytes(), A.tobytes()
    )
    assert response.json()["outputs"][1]["data"] == [0.5, 1.5, 2.5]


REFUSED: dict[str, tuple[dict[str, Any], bytes, str | None, str]] = {
    "too few bytes are left": (
        AS_BYTES["b"],
        bytes(5),
        None,
        "input 'b': 'binary_data_size' is 12, but 5 bytes are left",
    ),
    "bytes are left over": (AS_BYTES["b"], bytes(13), None, "1 bytes are left over after the JSON"),
    "another size than the shape has": (
        AS_BYTES["b"] | {"shape": [2, 3]},
        bytes(12),
        None,
        "input 'b': shape [2, 3] of FP32 takes 24 bytes, but its binary data has 12",
    ),
    "a size that is none": (
        AS_BYTES["b"] | {"parameters": {"binary_data_size": "12"}},
        bytes(12),
        None,
        "input 'b': 'binary_data_size' must be a whole number of bytes",
    ),
    "a negative size": (
        AS_BYTES["b"] | {"parameters": {"binary_data_size": -1}},
        bytes(12),
        None,
        "input 'b': 'binary_data_size' must be a whole number of bytes",
    ),
    "data both here and there": (
        AS_JSON["b"] | {"parameters": {"binary_data_size": 12}},
        bytes(12),
        None,
        "input 'b': there is both 'data' and parameter 'binary_data_size'",
    ),
    "a header that is no number": (AS_BYTES["b"], bytes(12), "x", "header Inference-Header-Content-Length is 'x'"),
    "a header beyond the body": (
        AS_BYTES["b"],
        bytes(12),
        "99999",
        "Inference-Header-Content-Length is '99999'; expect",
    ),
    "a header that cuts the JSON": (AS_BYTES["b"], bytes(12), "20", "the request body is not valid JSON"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    tensor, tail, header, message = REFUSED[case]
    response = post(client, total_server.infer_url, {"inputs": [AS_JSON["a"], tensor]}, tail, header=header)
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_null_is_no_data(total_server: ServerProcess, client: httpx.Client) -> None:
    """KServe's client says so of an empty tensor that it would send as bytes, and then leaves the header out."""
    nothing = {"datatype": "FP32", "shape": [0, 3], "data": None, "parameters": {"binary_data_size": 0}}
    response = client.post(total_server.infer_url, json={"inputs": [nothing | {"name": name} for name in "ab"]})
    assert response.json()["outputs"][0]["shape"] == [0, 3]


def test_binary_data_without_the_header_says_what_is_missing(total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(total_server.infer_url, json={"inputs": [AS_JSON["a"], AS_BYTES["b"]]})
    assert response.status_code == 400
    assert "(the header Inference-Header-Content-Length says where it ends)" in response.json()["error"]


def test_every_datatype_both_ways(datatypes_server: ServerProcess, client: httpx.Client) -> None:
    strings = b"".join(struct.pack("<I", len(text)) + text for text in (b"", "Zürich \0".encode()))
    arrays = {
        name: strings if name == "BYTES" else np.array([[0], [1]], dtype=dtype).tobytes()
        for name, dtype in models.NUMPY_TYPES.items()
    }
    inputs = [
        {"name": f"x_{name}", "datatype": name, "shape": [2, 1], "parameters": {"binary_data_size": len(data)}}
        for name, data in arrays.items()
    ]
    response = post(
        client,
        datatypes_server.infer_url,
        {"inputs": inputs, "parameters": {"binary_data_output": True}},
        *arrays.values(),
    )
    document, tail = parts(response)
    assert document["outputs"] == [each | {"name": each["name"].replace("x", "y", 1)} for each in inputs]
    assert tail == b"".join(arrays.values())


RAW: dict[str, tuple[str, list[int | str | None], bytes, list[int]]] = {
    "a fixed shape": ("FP32", [2, 2], bytes(16), [2, 2]),
    "a variable dimension": ("INT16", ["N", 3], bytes(12), [2, 3]),
    "a variable dimension that is not the first": ("FP64", [2, None], bytes(48), [2, 3]),
    "nothing": ("FP32", ["N", 3], b"", [0, 3]),
    "one string": ("BYTES", ["N"], "Zürich".encode(), [1]),
    "no characters": ("BYTES", [1], b"", [1]),
}


@pytest.mark.parametrize("case", RAW)
def test_a_body_that_is_the_only_input(case: str, tmp_path: Path, client: httpx.Client) -> None:
    datatype, declared, body, shape = RAW[case]
    expected = struct.pack("<I", len(body)) + body if datatype == "BYTES" else body
    with serving(models.save(models.through(datatype, declared), tmp_path)) as server:
        document, tail = parts(client.post(server.infer_url, content=body, headers={HEADER: "0"}))
        assert tail == expected
        parameters = {"binary_data_size": len(expected)}
        assert document["outputs"] == [{"name": "y", "datatype": datatype, "shape": shape, "parameters": parameters}]
        if case == "a variable dimension":
            response = client.post(server.infer_url, content=bytes(13), headers={HEADER: "0"})
            assert response.status_code == 400
            error = "input 'x': shape [2, 3] of INT16 takes 12 bytes, but its binary data has 13"
            assert response.json() == {"error": error}


RAW_REFUSED: dict[str, tuple[Any, str]] = {
    "two inputs": (models.total(), "to a model with one input, and this has 2"),
    "two variable dimensions": (models.through("FP32", ["N", None]), "input 'x', [-1, -1] of FP32: at most one"),
    "several strings": (models.through("BYTES", [2]), "BYTES have to be one string"),
}


@pytest.mark.parametrize("case", RAW_REFUSED)
def test_a_body_that_does_not_tell_its_shape(case: str, tmp_path: Path, client: httpx.Client) -> None:
    model, message = RAW_REFUSED[case]
    with serving(models.save(model, tmp_path)) as server:
        response = client.post(server.infer_url, content=bytes(8), headers={HEADER: "0"})
    assert response.status_code == 400
    assert message in response.json()["error"]
