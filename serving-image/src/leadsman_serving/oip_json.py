"""The bodies of the Open Inference Protocol v2 over HTTP: to data-plane values and back. Pure.

A body is JSON. With the binary tensor extension, tensors may follow the JSON as bytes, in the order in which it names
them; the header Inference-Header-Content-Length (JSON_SIZE_HEADER) then says how long the JSON is. Of length 0, the
body is the only input itself.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import orjson

from leadsman_serving import raw
from leadsman_serving.dataplane import PLATFORM, InferRequest, InferResponse
from leadsman_serving.errors import invalid
from leadsman_serving.json_bounds import check_readable
from leadsman_serving.signature import Signature, Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES, check_rank, decode, encode, json_name

JSON_SIZE_HEADER = "inference-header-content-length"
_WHOLE = {int}


class HttpRequest(NamedTuple):
    """An infer request and the form in which it wants its outputs: binary by default, or as said for one by name."""

    request: InferRequest
    binary: bool = False
    binary_outputs: Mapping[str, bool] = {}


def parse_request(body: bytes, json_size: str | None = None) -> HttpRequest:
    """Return the request in an infer body; `json_size` is the header JSON_SIZE_HEADER, and not 0.

    Raises ServingError (invalid argument) saying what is wrong where, or too large for JSON of too many parts.
    """
    tail = _NO_TAIL
    if json_size is not None:
        size = _json_size(json_size, len(body))
        body, tail = body[:size], _Tail(memoryview(body)[size:])
    document = parse_object(body)
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise invalid(f"'id' must be a string, not {json_name(identifier)}")
    binary = _boolean("the request", _parameters("the request", document), "binary_data_output")
    inputs = _inputs(document.get("inputs"), tail)
    tail.check_used_up()
    outputs = _outputs(document.get("outputs"))
    named = {name: wish for name, wish in outputs.items() if wish is not None}
    return HttpRequest(InferRequest(inputs, tuple(outputs), identifier), bool(binary), named)


def parse_raw_request(body: bytes, signature: Signature) -> HttpRequest:
    """Return the request in a body that is nothing but the only input of a model; its outputs will be binary.

    Raises ServingError (invalid argument) when the model's signature does not tell the input's shape.
    """
    if len(signature.inputs) != 1:
        raise invalid(
            f"a body without JSON can be sent to a model with one input, and this has {len(signature.inputs)}"
        )
    (spec,) = signature.inputs
    shape, data = _raw_shape(spec, len(body)), memoryview(body)
    if spec.datatype == "BYTES":
        array = raw.one_string(spec.name, data).reshape(shape)
    else:
        array = raw.decode(spec.name, spec.datatype, shape, data)
    return HttpRequest(InferRequest(inputs={spec.name: Tensor(spec.datatype, array)}), binary=True)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises ServingError: invalid argument when it is something else, too large when it has too many parts.
    """
    check_readable(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"the request body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"the request body must be a JSON object, not {json_name(document)}")
    return document


def response_body(response: InferResponse, asked: HttpRequest) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON when binary tensors follow; data is flat, row-major."""
    document: dict[str, Any] = {"model_name": response.model_name, "model_version": response.model_version}
    if response.id is not None:
        document["id"] = response.id
    binary: list[bytes] = []
    outputs = document["outputs"] = []
    for name, tensor in response.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": tensor.array.shape}
        if asked.binary_outputs.get(name, asked.binary):
            binary.append(raw.encode(tensor.array))
            output["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            output["data"] = encode(tensor.array)
        outputs.append(output)
    header = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join((header, *binary)), len(header)) if binary else (header, None)


def model_metadata(name: str, version: str, signature: Signature) -> dict[str, object]:
    """Return the model metadata document; -1 stands for a free dimension."""
    return {
        "name": name,
        "versions": [version],
        "platform": PLATFORM,
        "inputs": [_describe(spec) for spec in signature.inputs],
        "outputs": [_describe(spec) for spec in signature.outputs],
    }


def _describe(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.wire_shape}


class _Tail:
    """The bytes after the JSON, handed out from the front."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.strings = raw.Strings()

    def take(self, name: str, size: object) -> memoryview:
        if type(size) is not int or size < 0:
            raise invalid(f"input {name!r}: 'binary_data_size' must be a whole number of bytes that is not negative")
        if size > len(self._data):
            raise invalid(
                f"input {name!r}: 'binary_data_size' is {size}, but {len(self._data)} bytes are left after the JSON"
                " (the header Inference-Header-Content-Length says where it ends)"
            )
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def check_used_up(self) -> None:
        if self._data:
            raise invalid(f"{len(self._data)} bytes are left over after the JSON and the binary data of the inputs")


_NO_TAIL = _Tail(memoryview(b""))


def _json_size(header: str, most: int) -> int:
    if not (header.isascii() and header.isdigit() and len(header) <= 18 and int(header) <= most):
        raise invalid(
            f"header Inference-Header-Content-Length is {header!r};"
            f" expected how many of the body's {most} bytes are JSON"
        )
    return int(header)


def _raw_shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    fixed = prod(length for length in spec.shape if isinstance(length, int))
    free = sum(not isinstance(length, int) for length in spec.shape)
    if not spec.shape or free > 1 or (spec.datatype == "BYTES" and fixed != 1):
        raise invalid(
            f"a body without JSON does not tell the shape of input {spec.name!r}, {spec.wire_shape} of {spec.datatype}:"
            " at most one dimension may be variable, and BYTES have to be one string"
        )
    row = fixed * DTYPES[spec.datatype].itemsize
    rows = size // row if row and spec.datatype != "BYTES" else 1
    return tuple(length if isinstance(length, int) else rows for length in spec.shape)


def _inputs(given: object, tail: _Tail) -> dict[str, Tensor]:
    if not isinstance(given, list):
        raise invalid("'inputs' must be a list of tensors")
    inputs: dict[str, Tensor] = {}
    for index, item in enumerate(given):
        name = _name("inputs", index, item)
        if name in inputs:
            raise invalid(f"input {name!r} is given twice")
        inputs[name] = _tensor(name, item, tail)
    return inputs


def _tensor(name: str, item: dict[str, Any], tail: _Tail) -> Tensor:
    parameters = _parameters(f"input {name!r}", item)
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        what = datatype if isinstance(datatype, str) else "missing" if datatype is None else json_name(datatype)
        raise invalid(f"input {name!r}: datatype is {what}; expected one of {', '.join(DTYPES)}")
    shape = item.get("shape")
    if not isinstance(shape, list) or not {*map(type, shape)} <= _WHOLE or min(shape, default=0) < 0:
        raise invalid(f"input {name!r}: 'shape' must be a list of whole numbers that are not negative")
    check_rank(name, shape)
    size = parameters.get("binary_data_size")
    data = item.get("data")
    if (data is not None) == (size is not None):
        both = "'data' is missing, and there is no" if data is None else "there is both 'data' and"
        raise invalid(f"input {name!r}: {both} parameter 'binary_data_size'")
    if size is not None:
        taken = tail.take(name, size)
        if datatype == "BYTES":
            tail.strings.add(shape, taken)
        return Tensor(datatype, raw.decode(name, datatype, shape, taken))
    return Tensor(datatype, decode(name, datatype, shape, data))


def _outputs(given: object) -> dict[str, bool | None]:
    """Return the outputs asked for and whether each is to be binary, None where it does not say."""
    if given is None:
        return {}
    if not isinstance(given, list):
        raise invalid(f"'outputs' must be a list, not {json_name(given)}")
    outputs: dict[str, bool | None] = {}
    for index, item in enumerate(given):
        name = _name("outputs", index, item)
        if name in outputs:
            raise invalid("'outputs' names an output twice")
        where = f"output {name!r}"
        outputs[name] = _boolean(where, _parameters(where, item), "binary_data")
    return outputs


def _name(field: str, index: int, item: object) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise invalid(f"{field}[{index}] must be an object with a string 'name'")
    return name


def _parameters(where: str, item: dict[str, Any]) -> dict[str, Any]:
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise invalid(f"'parameters' of {where} must be an object, not {json_name(parameters)}")
    return parameters


def _boolean(where: str, parameters: dict[str, Any], key: str) -> bool | None:
    value = parameters.get(key)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"parameter {key!r} of {where} must be true or false, not {json_name(value)}")
    return value
