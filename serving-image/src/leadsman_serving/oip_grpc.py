"""The messages of the Open Inference Protocol v2 over gRPC: to data-plane values and back. Pure.

The data of tensors is raw bytes, or typed contents in each tensor, and never both in one message. An answer has the
form of its question; with an output of FP16, for which there are no typed contents, it is raw.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from leadsman_serving import raw
from leadsman_serving.dataplane import PLATFORM, InferRequest, InferResponse
from leadsman_serving.errors import invalid
from leadsman_serving.open_inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataResponse,
)
from leadsman_serving.signature import Signature, Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES, Array, check_rank, too_large

_FIELDS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The typed contents of each datatype that has some."""
_NARROW = {"UINT8": np.uint32, "UINT16": np.uint32, "INT8": np.int32, "INT16": np.int32}
"""Datatypes whose typed contents are wider than they are."""


def parse_request(message: ModelInferRequest) -> InferRequest:
    """Return the request in a message. Raises ServingError (invalid argument) saying what is wrong where."""
    inputs: dict[str, Tensor] = {}
    contents = message.raw_input_contents
    if contents and len(contents) != len(message.inputs):
        raise invalid(
            f"raw_input_contents has {len(contents)} elements, but there are {len(message.inputs)} inputs;"
            " expected one for each, or none"
        )
    strings = raw.Strings()
    for index, item in enumerate(message.inputs):
        if item.name in inputs:
            raise invalid(f"input {item.name!r} is given twice")
        inputs[item.name] = _tensor(item, contents[index] if contents else None, strings)
    outputs = tuple(output.name for output in message.outputs)
    if len(set(outputs)) != len(outputs):
        raise invalid("'outputs' names an output twice")
    return InferRequest(inputs=inputs, outputs=outputs, id=message.id or None)


def response_message(response: InferResponse, asked: ModelInferRequest) -> ModelInferResponse:
    """Return the message of an answer."""
    message = ModelInferResponse(model_name=response.model_name, model_version=response.model_version, id=response.id)
    # What came without any data, such as the question to a model without inputs, gets what most clients read.
    typed = any(item.HasField("contents") for item in asked.inputs)
    typed = typed and all(tensor.datatype in _FIELDS for tensor in response.outputs.values())
    for name, tensor in response.outputs.items():
        output = message.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.array.shape)
        if typed:
            _fill(output.contents, tensor)
        else:
            message.raw_output_contents.append(raw.encode(tensor.array))
    return message


def model_metadata(name: str, version: str, signature: Signature) -> ModelMetadataResponse:
    """Return the model's metadata; -1 stands for a free dimension."""
    return ModelMetadataResponse(
        name=name,
        versions=[version],
        platform=PLATFORM,
        inputs=[_describe(spec) for spec in signature.inputs],
        outputs=[_describe(spec) for spec in signature.outputs],
    )


def _describe(spec: TensorSpec) -> ModelMetadataResponse.TensorMetadata:
    return ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.wire_shape)


def _tensor(item: ModelInferRequest.InferInputTensor, data: bytes | None, strings: raw.Strings) -> Tensor:
    name, datatype = item.name, item.datatype
    if datatype not in DTYPES:
        what = datatype or "missing"
        raise invalid(f"input {name!r}: datatype is {what}; expected one of {', '.join(DTYPES)}")
    check_rank(name, item.shape)
    shape = tuple(item.shape)
    if any(size < 0 for size in shape):
        raise invalid(f"input {name!r}: 'shape' must have no negative numbers, but is {list(shape)[:8]}")
    if data is None:
        return Tensor(datatype, _typed(name, datatype, shape, item.contents))
    if item.HasField("contents"):
        raise invalid(f"input {name!r}: there are both 'contents' and raw_input_contents")
    if datatype == "BYTES":
        strings.add(shape, memoryview(data))
    return Tensor(datatype, raw.decode(name, datatype, shape, memoryview(data)))


def _typed(name: str, datatype: str, shape: Sequence[int], contents: InferTensorContents) -> Array:
    expected = _FIELDS.get(datatype)
    for field, _ in contents.ListFields():
        if field.name != expected:
            takes = f"{datatype} takes {expected}" if expected else "FP16 takes raw_input_contents"
            raise invalid(f"input {name!r}: {takes}, but {field.name} came")
    values = getattr(contents, expected) if expected else ()
    if len(values) != prod(shape):
        what = expected or "raw_input_contents"
        raise invalid(f"input {name!r}: shape {list(shape)} holds {prod(shape)} elements, but {what} has {len(values)}")
    array = _strings(name, values) if datatype == "BYTES" else _numbers(name, datatype, values)
    try:
        return array.reshape(shape)
    except ValueError:
        raise too_large(name, shape) from None


def _numbers(name: str, datatype: str, values: Sequence[Any]) -> Array:
    dtype = DTYPES[datatype]
    wide = np.fromiter(values, _NARROW.get(datatype, dtype), len(values))
    array = wide.astype(dtype, copy=False)
    if datatype in _NARROW and (different := array != wide).any():
        bounds = np.iinfo(dtype)
        wrong = wide[int(different.argmax())]
        raise invalid(f"input {name!r}: {wrong} does not fit {datatype} ({bounds.min} to {bounds.max})")
    return array


def _strings(name: str, values: Sequence[bytes]) -> Array:
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = raw.text(name, index, value)
    return array


def _fill(contents: InferTensorContents, tensor: Tensor) -> None:
    values = tensor.array.reshape(-1).tolist()
    if tensor.datatype == "BYTES":
        values = [value.encode() for value in values]
    getattr(contents, _FIELDS[tensor.datatype]).extend(values)
