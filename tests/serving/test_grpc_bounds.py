"""Messages that take too much to read are refused before they are read."""

from typing import Any

import grpc
import numpy as np
import pytest

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.grpc_bounds import MOST_BESIDES_RAW, check_readable
from leadsman_serving.open_inference_pb2 import InferTensorContents, ModelInferRequest
from serving.grpc_client import SERVICE, connected
from serving.process import ServerProcess

MILLION = 1_000_000
EMPTY_INPUT, EMPTY_RAW = b"\x2a\x00", b"\x3a\x00"


def message(*sizes: int, numbers: int = 0) -> bytes:
    """A message with raw tensors of these sizes, or a typed one of so many numbers."""
    inputs: list[Any] = [ModelInferRequest.InferInputTensor(name="x", datatype="UINT8", shape=[size]) for size in sizes]
    if numbers:
        contents = InferTensorContents(fp32_contents=np.ones(numbers, np.float32))
        inputs = [ModelInferRequest.InferInputTensor(name="x", contents=contents)]
    raw = [b"\x2a" * size for size in sizes]
    return ModelInferRequest(model_name="m", inputs=inputs, raw_input_contents=raw).SerializeToString()


TAKEN: dict[str, bytes] = {
    "an empty message": b"",
    "a large tensor": message(60 * MILLION),
    "several large tensors": message(20 * MILLION, 0, 100, 20 * MILLION),
    "two million typed numbers": message(numbers=2 * MILLION),
    "raw tensors before their inputs": message(9 * MILLION)[-9 * MILLION - 5 :] + message(1),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    check_readable(TAKEN[case])
    ModelInferRequest.FromString(TAKEN[case])


REFUSED: dict[str, bytes] = {
    "three million typed numbers": message(numbers=3 * MILLION),
    "inputs of nothing": EMPTY_INPUT * 5 * MILLION,
    "inputs of nothing after a large tensor": message(MILLION) + EMPTY_INPUT * 5 * MILLION,
    "raw tensors of nothing": EMPTY_RAW * 5 * MILLION,
    "a large tensor after too many fields": EMPTY_RAW * 10_000 + message(9 * MILLION),
    "a tensor that is longer than the message": message(9 * MILLION)[:-1],
    "a length without end": b"\x3a" + b"\xff" * 9 * MILLION,
    "no message": b"\xff" * 9 * MILLION,
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    with pytest.raises(ServingError, match=f"besides raw_input_contents, and at most {MOST_BESIDES_RAW} are") as caught:
        check_readable(REFUSED[case])
    assert caught.value.code is Code.TOO_LARGE


def test_a_few_bytes_that_stand_for_gigabytes(lookup_server: ServerProcess) -> None:
    before = lookup_server.most_memory()
    with connected(lookup_server) as client:
        infer = client.channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            infer(EMPTY_INPUT * 30 * MILLION, compression=grpc.Compression.Gzip, timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "send large tensors as raw_input_contents" in caught.value.details()
    assert lookup_server.most_memory() < before + 4 * 60 * MILLION
