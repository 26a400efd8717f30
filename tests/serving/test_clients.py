"""What tritonclient and KServe's client make of us, apart from tensors, which test_conformance.py has them carry."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadsman_serving.open_inference_pb2 import DESCRIPTOR
from leadsman_serving.session import load
from serving import models
from serving.judging import InProcess, Judge, Refused, in_process, judge

X = [("x", "INT64", np.array([1, 2]))]
BOTH = ["triton", "kserve"]
METADATA = {
    "name": "m",
    "versions": ["v1"],
    "platform": "onnx_onnxv1",
    "inputs": [{"name": "x", "datatype": "INT64", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[InProcess]:
    with in_process() as server:
        yield server


@pytest.fixture(scope="module")
def judges(server: InProcess) -> Iterator[dict[str, Judge]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(judge(name, server)) for name in BOTH}


@pytest.fixture(autouse=True)
def lookup(server: InProcess, tmp_path: Path) -> None:
    server.serve(load(models.save(models.lookup(), tmp_path), 1))


@pytest.mark.parametrize("surface", ["http", "grpc"])
@pytest.mark.parametrize("client", BOTH)
def test_look_ups(client: str, surface: str, judges: dict[str, Judge]) -> None:
    found = judges[client].ask(f"look up by {surface}")
    assert {found.pop(what) for what in ("live", "ready", "model ready")} == {True}
    if client == "triton":
        assert numbers(found["model"]) == METADATA
        assert (found["server"]["name"], found["server"]["extensions"]) == ("leadsman-serving", ["binary_tensor_data"])


def numbers(document: Any) -> Any:
    """As it was before protobuf's JSON turned 64 bits into strings."""
    if isinstance(document, dict):
        return {key: numbers(value) for key, value in document.items()}
    if isinstance(document, list):
        return [numbers(each) for each in document]
    return int(document) if isinstance(document, str) and document.lstrip("-").isdigit() else document


@pytest.mark.parametrize("surface", ["http", "grpc"])
@pytest.mark.parametrize("client", BOTH)
def test_not_ready(client: str, surface: str, server: InProcess, judges: dict[str, Judge]) -> None:
    server.plane.runner = None
    way = {"http": "json", "grpc": "grpc"}[surface]
    with pytest.raises(Refused, match="model 'm' is still loading"):
        judges[client].infer(way, X, ["y"])


FAILING: dict[str, tuple[list[Any], list[str], str]] = {
    "no such input": ([("z", "INT64", np.array([1]))], ["y"], "input 'x' is missing; the model takes 'x'"),
    "another datatype": (
        [("x", "FP32", np.ones(1, np.float32))],
        ["y"],
        "input 'x': the model takes INT64, but the req",
    ),
    "another rank": ([("x", "INT64", np.array([[1]]))], ["y"], "takes shape [-1], but the request has [1, 1]"),
    "no such output": (X, ["z"], "the model has no output 'z'; it gives 'y'"),
    "what the model fails on": ([("x", "INT64", np.array([99]))], ["y"], "idx=99 must be within the inclusive range"),
}


@pytest.mark.parametrize("way", ["binary", "json", "grpc"])
@pytest.mark.parametrize("client", BOTH)
@pytest.mark.parametrize("case", FAILING)
def test_errors_reach_the_one_who_asked(case: str, client: str, way: str, judges: dict[str, Judge]) -> None:
    inputs, names, message = FAILING[case]
    with pytest.raises(Refused) as caught:
        judges[client].infer(way, inputs, names)
    assert message in str(caught.value)
    (answer,) = judges[client].infer(way, X, ["y"])
    assert answer.tolist() == [2.5, 3.5]


@pytest.mark.parametrize("way", ["raw body", "gzip", "deflate", "grpc gzip", "grpc deflate"])
def test_other_forms(way: str, judges: dict[str, Judge]) -> None:
    (answer,) = judges["triton"].infer(way, X, ["y"])
    assert answer.tolist() == [2.5, 3.5]


def test_our_messages_are_those_of_the_protocol(judges: dict[str, Judge]) -> None:
    """Field by field those of KServe, whose protocol it is, and where its specification is ahead of it, Triton's."""
    kserve, triton = (judges[name].ask("messages") for name in ("kserve", "triton"))
    ours = described(DESCRIPTOR.message_types_by_name.values())
    assert len(ours) >= 16
    for name, fields in ours.items():
        assert kserve[name] <= fields <= kserve[name] | triton[name], name


def described(messages: Any) -> dict[str, set[tuple[str, int, int]]]:
    """By message, the name, number and type of each field."""
    found: dict[str, set[tuple[str, int, int]]] = {}
    for message in messages:
        found[message.full_name] = {(field.name, field.number, field.type) for field in message.fields}
        found |= described(message.nested_types)
    return found
