"""The Open Inference Protocol v2 over gRPC, against the real server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict

from leadsman_serving import raw
from leadsman_serving.open_inference_pb2 import (
    DESCRIPTOR,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)
from serving import models
from serving.grpc_client import Client, connected
from serving.process import ServerProcess, serving

Input = ModelInferRequest.InferInputTensor
Wanted = ModelInferRequest.InferRequestedOutputTensor


@pytest.fixture(scope="module")
def total(total_server: ServerProcess) -> Iterator[Client]:
    with connected(total_server) as client:
        yield client


def typed(name: str, shape: list[int] = [1, 3], values: list[float] | None = None) -> Any:  # noqa: B006
    contents = InferTensorContents(fp32_contents=[1, 2, 3] if values is None else values)
    return Input(name=name, datatype="FP32", shape=shape, contents=contents)


def bare(name: str, shape: list[int] = [1, 3], datatype: str = "FP32") -> Any:  # noqa: B006
    return Input(name=name, datatype=datatype, shape=shape)


def request(*inputs: Any, **more: Any) -> Any:
    return ModelInferRequest(**{"model_name": "m", "inputs": inputs} | more)


A, B = np.array([[1, 2, 3]], dtype=np.float32), np.array([[0.5, 0.5, 0.5]], dtype=np.float32)
TYPED = (typed("a"), typed("b", values=[0.5, 0.5, 0.5]))
RAW = {"raw_input_contents": [A.tobytes(), B.tobytes()]}


def test_look_ups(total: Client) -> None:
    for which in ({"name": "m"}, {"name": "m", "version": "v1"}):
        assert total.call("ModelReady", ModelReadyRequest(**which)).ready
        metadata = MessageToDict(total.call("ModelMetadata", ModelMetadataRequest(**which)))
        assert metadata == {
            "name": "m",
            "versions": ["v1"],
            "platform": "onnx_onnxv1",
            "inputs": [{"name": name, "datatype": "FP32", "shape": ["-1", "3"]} for name in "ab"],
            "outputs": [{"name": name, "datatype": "FP32", "shape": ["-1", "3"]} for name in ("sum", "difference")],
        }
    assert total.call("ServerReady", ServerReadyRequest()).ready
    server = total.call("ServerMetadata", ServerMetadataRequest())
    assert (server.name, list(server.extensions)) == ("leadsman-serving", ["binary_tensor_data"])
    assert server.version
    assert {method.name for method in DESCRIPTOR.services_by_name["GRPCInferenceService"].methods} == {
        *("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
    }


def test_a_typed_question_has_a_typed_answer(total: Client) -> None:
    answer = total.infer(request(*TYPED, id="r-1", model_version="v1"))
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "v1", "r-1")
    assert [(each.name, each.datatype, list(each.shape)) for each in answer.outputs] == [
        ("sum", "FP32", [1, 3]),
        ("difference", "FP32", [1, 3]),
    ]
    assert list(answer.outputs[0].contents.fp32_contents) == [1.5, 2.5, 3.5]
    assert list(answer.outputs[1].contents.fp32_contents) == [0.5, 1.5, 2.5]
    assert not answer.raw_output_contents


def test_a_raw_question_has_a_raw_answer(total: Client) -> None:
    answer = total.infer(request(bare("a"), bare("b"), **RAW))
    assert list(answer.raw_output_contents) == [(A + B).tobytes(), (A - B).tobytes()]
    assert not any(each.HasField("contents") for each in answer.outputs)
    assert answer.id == ""


def test_outputs_are_selected_in_the_order_asked_for(total: Client) -> None:
    answer = total.infer(request(*TYPED, outputs=[Wanted(name="difference"), Wanted(name="sum")]))
    assert [each.name for each in answer.outputs] == ["difference", "sum"]
    answer = total.infer(request(bare("b"), bare("a"), outputs=[Wanted(name="difference")], **RAW))
    assert list(answer.raw_output_contents) == [(B - A).tobytes()]


def test_no_rows(total: Client) -> None:
    answer = total.infer(request(typed("a", [0, 3], []), typed("b", [0, 3], [])))
    assert [list(each.shape) for each in answer.outputs] == [[0, 3], [0, 3]]
    answer = total.infer(request(bare("a", [0, 3]), bare("b", [0, 3])))
    assert list(answer.raw_output_contents) == [b"", b""]


INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
REFUSED: dict[str, tuple[Any, grpc.StatusCode, str]] = {
    "another model": (request(*TYPED, model_name="n"), NOT_FOUND, "no model 'n' here; this server has 'm'"),
    "another version": (request(*TYPED, model_version="v2"), NOT_FOUND, "model 'm' has no version 'v2' here"),
    "nothing": (request(), INVALID, "input 'a' is missing; the model takes 'a', 'b'"),
    "an input twice": (request(TYPED[0], TYPED[0]), INVALID, "input 'a' is given twice"),
    "an unknown output": (request(*TYPED, outputs=[Wanted(name="z")]), INVALID, "the model has no output 'z'"),
    "an output twice": (request(*TYPED, outputs=[Wanted(name="sum")] * 2), INVALID, "names an output twice"),
    "an unknown datatype": (request(bare("a", datatype="FP8"), TYPED[1]), INVALID, "datatype is FP8; expected one of"),
    "no datatype": (request(bare("a", datatype=""), TYPED[1]), INVALID, "input 'a': datatype is missing; expected"),
    "a negative shape": (request(typed("a", [-1, 3]), TYPED[1]), INVALID, "input 'a': 'shape' must have no negative"),
    "another shape": (
        request(typed("a", [3, 1]), TYPED[1]),
        INVALID,
        "takes shape [-1, 3], but the request has [3, 1]",
    ),
    "too few values": (request(typed("a", values=[1]), TYPED[1]), INVALID, "3 elements, but fp32_contents has 1"),
    "no values": (request(bare("a"), TYPED[1]), INVALID, "input 'a': shape [1, 3] holds 3 elements, but fp32_contents"),
    "another datatype": (
        request(
            Input(name="a", datatype="FP64", shape=[1, 3], contents=InferTensorContents(fp64_contents=[1, 2, 3])),
            TYPED[1],
        ),
        INVALID,
        "input 'a': the model takes FP32, but the request says FP64",
    ),
    "contents of another datatype": (
        request(
            Input(name="a", datatype="FP32", shape=[1, 3], contents=InferTensorContents(int_contents=[1, 2, 3])),
            TYPED[1],
        ),
        INVALID,
        "input 'a': FP32 takes fp32_contents, but int_contents came",
    ),
    "typed contents of FP16": (
        request(Input(name="a", datatype="FP16", shape=[1], contents=InferTensorContents(fp32_contents=[1]))),
        INVALID,
        "input 'a': FP16 takes raw_input_contents, but fp32_contents came",
    ),
    "raw and typed at once": (request(*TYPED, **RAW), INVALID, "there are both 'contents' and raw_input_contents"),
    "too little raw": (
        request(bare("a"), bare("b"), raw_input_contents=[A.tobytes()]),
        INVALID,
        "raw_input_contents has 1 elements, but there are 2 inputs",
    ),
    "raw bytes too few": (
        request(bare("a"), bare("b"), raw_input_contents=[A.tobytes(), bytes(8)]),
        INVALID,
        "input 'b': shape [1, 3] of FP32 takes 12 bytes, but its binary data has 8",
    ),
    "more dimensions than there are": (request(typed("a", [1] * 70, [1]), TYPED[1]), INVALID, "shape of rank 70 is la"),
    "a name as long as it likes": (request(typed("x" * 9999)), INVALID, "input 'a' is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, total: Client) -> None:
    message, code, details = REFUSED[case]
    with pytest.raises(grpc.RpcError) as caught:
        total.infer(message)
    assert (caught.value.code(), details in caught.value.details()) == (code, True), caught.value.details()


def test_a_message_over_the_limit(total: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        total.infer(request(bare("a"), bare("b"), raw_input_contents=[bytes(120_000), b""]))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_every_answer_names_its_revision(total: Client) -> None:
    ours = {("x-leadsman-version", "v1"), ("x-leadsman-revision", "rev-a")}
    _, call = total.method("ModelInfer", ModelInferResponse).with_call(request(*TYPED))
    assert ours <= {(key, value) for key, value in call.trailing_metadata()}
    with pytest.raises(grpc.RpcError) as caught:
        total.infer(request())
    assert ours <= {(key, value) for key, value in caught.value.trailing_metadata()}


SAMPLES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "UINT8": [0, 255],
    "UINT16": [0, 2**16 - 1],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "INT8": [-128, 127],
    "INT16": [-(2**15), 2**15 - 1],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "FP16": [0.5, float("inf")],
    "FP32": [0.5, float("-inf")],
    "FP64": [0.1, 1.7976931348623157e308],
    "BYTES": ["", "Zürich \u0000 \U0001f600"],
}


def sample(datatype: str) -> np.ndarray[Any, Any]:
    return np.array(SAMPLES[datatype], dtype=models.NUMPY_TYPES[datatype]).reshape(2, 1)


def test_every_datatype_passes_through_raw(datatypes_server: ServerProcess) -> None:
    contents = [raw.encode(sample(name)) for name in models.DATATYPES]
    inputs = [bare(f"x_{name}", [2, 1], name) for name in models.DATATYPES]
    with connected(datatypes_server) as client:
        answer = client.infer(request(*inputs, raw_input_contents=contents))
    assert [each.name for each in answer.outputs] == [f"y_{name}" for name in models.DATATYPES]
    assert list(answer.raw_output_contents) == contents


FIELDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(["INT8", "INT16", "INT32"], lambda contents: contents.int_contents),
    **dict.fromkeys(["UINT8", "UINT16", "UINT32"], lambda contents: contents.uint_contents),
    "BOOL": lambda contents: contents.bool_contents,
    "INT64": lambda contents: contents.int64_contents,
    "UINT64": lambda contents: contents.uint64_contents,
    "FP32": lambda contents: contents.fp32_contents,
    "FP64": lambda contents: contents.fp64_contents,
    "BYTES": lambda contents: contents.bytes_contents,
}


@pytest.mark.parametrize("datatype", FIELDS)
def test_every_datatype_with_typed_contents_passes_through(datatype: str, tmp_path: Path) -> None:
    values = [each.encode() if datatype == "BYTES" else each for each in SAMPLES[datatype]]
    question = bare("x", [2, 1], datatype)
    FIELDS[datatype](question.contents).extend(values)
    with serving(models.save(models.through(datatype, [None, None]), tmp_path)) as server, connected(server) as client:
        answer = client.infer(request(question))
        assert list(FIELDS[datatype](answer.outputs[0].contents)) == values
        for wrong in {"INT8": [-129, 128], "UINT8": [256], "INT16": [2**15], "UINT16": [2**16]}.get(datatype, []):
            tensor = bare("x", [1, 2], datatype)
            FIELDS[datatype](tensor.contents).extend([0, wrong])
            with pytest.raises(grpc.RpcError) as caught:
                client.infer(request(tensor))
            assert f"input 'x': {wrong} does not fit {datatype} (" in caught.value.details()
        if datatype == "BYTES":
            tensor = Input(
                name="x", datatype="BYTES", shape=[1, 1], contents=InferTensorContents(bytes_contents=[b"\xff"])
            )
            with pytest.raises(grpc.RpcError) as caught:
                client.infer(request(tensor))
            assert "input 'x': element 0 of BYTES is not UTF-8" in caught.value.details()


def test_an_output_of_half_precision_makes_a_typed_answer_raw(tmp_path: Path) -> None:
    with serving(models.save(models.cast("FP32", "FP16"), tmp_path)) as server, connected(server) as client:
        answer = client.infer(request(typed("x", [3])))
    assert list(answer.raw_output_contents) == [np.array([1, 2, 3], dtype=np.float16).tobytes()]
