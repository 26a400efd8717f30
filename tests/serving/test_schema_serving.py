"""A model with a model.yaml, through the real server: what it refuses, what it counts, and what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from leadsman_serving.open_inference_pb2 import ModelInferRequest
from serving import models
from serving.grpc_client import connected
from serving.process import ServerProcess, free_ports, port_arguments, run, serving

VIOLATIONS = "leadsman_serving_schema_violations_total"
SCHEMA = """
signature:
  inputs:
    - name: f
      datatype: FP32
      shape: [-1, 3]
      range: {min: 0}
      features:
        - {name: age, range: {min: 18, max: 130}, missing: refused}
        - {name: income}
        - {name: share, range: {min: 0, max: 0.7}}
    - {name: s, missing: refused, categories: [DE, AT, CH]}
    - {name: u, range: {max: 10}}
"""
Values = dict[str, Any]
GOOD: Values = {"f": [[20, 1e6, 0.7], [130, 0, 0]], "s": ["DE", "CH"], "b": [True, False], "u": [0, 10], "h": [1, 2]}
DATATYPES = {"f": "FP32", "s": "BYTES", "b": "BOOL", "u": "UINT8", "h": "FP16"}


def place(directory: Path, schema: str) -> Path:
    models.save(models.mixed(), directory)
    (directory / "model.yaml").write_text(schema)
    return directory


@pytest.fixture(scope="module")
def rejecting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(place(tmp_path_factory.mktemp("schema"), SCHEMA), "--schema", "reject") as server:
        yield server


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(place(tmp_path, SCHEMA)) as server:
        yield server


def infer(client: httpx.Client, server: ServerProcess, **values: Any) -> httpx.Response:
    inputs = [
        {
            "name": name,
            "datatype": DATATYPES[name],
            "shape": [len(data), 3] if name == "f" else [len(data)],
            "data": data,
        }
        for name, data in (GOOD | values).items()
    ]
    return client.post(server.infer_url, json={"inputs": inputs})


def counted(server: ServerProcess) -> dict[tuple[str, str, str], float]:
    return {
        (labels["input"], labels["feature"], labels["rule"]): value
        for (name, pairs), value in server.metrics().items()
        for labels in (dict(pairs),)
        if name == VIOLATIONS
    }


BROKEN: dict[str, tuple[Values, str]] = {
    "above the range of a feature": (
        {"f": [[20, 0, 0], [131, 0, 0]]},
        "input 'f': feature 'age' of row 1 is 131.0, but the model's schema expects 18 to 130",
    ),
    "below the range of all features": (
        {"f": [[20, -0.5, 0], [20, 0, 0]]},
        "input 'f': feature 'income' of row 0 is -0.5, but the model's schema expects at least 0",
    ),
    "missing where it is refused": (
        {"f": [[20, 0, 0], [None, 0, 0]]},
        "input 'f': feature 'age' of row 1 is missing, but the model's schema expects a value",
    ),
    "another category": (
        {"s": ["DE", "FR"]},
        "input 's': element [1] is 'FR', but the model's schema expects one of 'DE', 'AT', 'CH'",
    ),
    "an empty string": ({"s": ["", "DE"]}, "input 's': element [0] is missing, but the model's schema expects a value"),
    "beyond a range of whole numbers": (
        {"u": [10, 11]},
        "input 'u': element [1] is 11, but the model's schema expects at most 10",
    ),
    "several": (
        {"f": [[17, 0, 1], [16, 0, 0]], "s": ["FR", "FR"]},
        "input 'f': feature 'age' of row 0 is 17.0, but the model's schema expects 18 to 130;"
        " so it is with 4 more values of this request",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_refused(case: str, rejecting: ServerProcess, client: httpx.Client) -> None:
    values, message = BROKEN[case]
    response = infer(client, rejecting, **values)
    assert (response.status_code, response.json()) == (400, {"error": message})
    assert infer(client, rejecting).status_code == 200


TAKEN: dict[str, Values] = {
    "missing where nothing is said of it": {"f": [[20, None, None], [20, 0, 0]]},
    "the greatest, which FP32 does not have": {"f": [[20, 0, 0.7], [20, 0, 0.7]]},
    "no rows at all": {name: [] for name in GOOD},
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken(case: str, rejecting: ServerProcess, client: httpx.Client) -> None:
    before = counted(rejecting)
    response = infer(client, rejecting, **TAKEN[case])
    assert response.status_code == 200, response.text
    assert counted(rejecting) == before


def test_it_is_refused_by_grpc_too(rejecting: ServerProcess) -> None:
    message = ModelInferRequest(model_name="m")
    for name, field in {"f": "fp32", "s": "bytes", "b": "bool", "u": "uint", "h": None}.items():
        tensor = message.inputs.add(name=name, datatype=DATATYPES[name], shape=[0, 3] if name == "f" else [0])
        if name == "u":
            tensor.shape[:] = [1]
            getattr(tensor.contents, f"{field}_contents").append(200)
    with connected(rejecting) as client, pytest.raises(grpc.RpcError) as caught:
        client.infer(message)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "input 'u': element [0] is 200, but the model's schema expects at most 10"


def test_by_default_it_is_counted_and_served(counting: ServerProcess, client: httpx.Client) -> None:
    rules = [("f", "age", "missing"), ("f", "age", "range"), ("f", "income", "range"), ("f", "share", "range")]
    rules += [("s", "", "category"), ("s", "", "missing"), ("u", "", "range")]
    assert counted(counting) == dict.fromkeys(rules, 0), "Prometheus sees an increase only of what was there before"
    for values, _ in BROKEN.values():
        assert infer(client, counting, **values).status_code == 200
    expected = [1, 3, 1, 1, 3, 1, 1]
    assert counted(counting) == dict(zip(rules, expected, strict=True))


def test_refused_and_counted(rejecting: ServerProcess, client: httpx.Client) -> None:
    before = counted(rejecting)["u", "", "range"]
    assert infer(client, rejecting, u=[200, 11]).status_code == 400
    assert counted(rejecting)["u", "", "range"] == before + 2


def test_without_rules_nothing_is_counted(lookup_server: ServerProcess) -> None:
    assert VIOLATIONS.removesuffix("_total") not in httpx.get(lookup_server.metrics_url).text


def test_of_very_many_features_the_first_are_told_apart(tmp_path: Path, client: httpx.Client) -> None:
    features = "".join(f"        - {{name: f{i}, range: {{max: 0}}}}\n" for i in range(300))
    schema = f"signature:\n  inputs:\n    - name: x\n      features:\n{features}"
    models.save(models.through("FP32", ["N", 300]), tmp_path)
    (tmp_path / "model.yaml").write_text(schema)
    with serving(tmp_path) as server:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 300], "data": [1] * 300}
        assert client.post(server.infer_url, json={"inputs": [tensor]}).status_code == 200
        counts = counted(server)
    assert len(counts) == 256 + 1
    assert counts["x", "f255", "range"] == 1
    assert counts["x", "other", "range"] == 300 - 256


def test_a_broken_file_ends_the_server(tmp_path: Path) -> None:
    directory = place(tmp_path, "signature: {inputs: [{name: f, features: [{name: age}]}]}")
    finished = run("serve", str(directory), *port_arguments(free_ports(3)))
    assert finished.returncode == 65
    assert finished.stderr.splitlines()[-1] == (
        f"{directory}/model.yaml: signature.inputs[0].features are 1,"
        " but the last axis of input 'f', which they describe, has 3"
    )
