"""The JSON form of the Open Inference Protocol v2: bodies to data-plane values and back. Pure."""

from typing import Any

import orjson

from leadsman_serving.dataplane import InferRequest, InferResponse
from leadsman_serving.errors import ServingError, invalid
from leadsman_serving.signature import Signature, Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES, decode, encode, json_name

PLATFORM = "onnx_onnxv1"


def parse_request(body: bytes) -> InferRequest:
    """Return the request in an infer body. Raises ServingError (invalid argument) saying what is wrong where."""
    document = parse_object(body)
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise invalid(f"'id' must be a string, not {json_name(identifier)}")
    _check_parameters("the request", document)
    return InferRequest(
        inputs=_inputs(document.get("inputs")), outputs=_outputs(document.get("outputs")), id=identifier
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is. Raises ServingError (invalid argument) when it is something else."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"the request body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"the request body must be a JSON object, not {json_name(document)}")
    return document


def response_body(response: InferResponse) -> bytes:
    """Return the JSON body of an answer; tensor data is flat and row-major."""
    document: dict[str, Any] = {"model_name": response.model_name, "model_version": response.model_version}
    if response.id is not None:
        document["id"] = response.id
    document["outputs"] = [
        {"name": name, "datatype": tensor.datatype, "shape": tensor.array.shape, "data": encode(tensor.array)}
        for name, tensor in response.outputs.items()
    ]
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


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


def _inputs(given: object) -> dict[str, Tensor]:
    if not isinstance(given, list) or not given:
        raise invalid("'inputs' must be a list of at least one tensor")
    inputs: dict[str, Tensor] = {}
    for index, item in enumerate(given):
        name = _name("inputs", index, item)
        if name in inputs:
            raise invalid(f"input {name!r} is given twice")
        inputs[name] = _tensor(name, item)
    return inputs


def _tensor(name: str, item: dict[str, Any]) -> Tensor:
    _check_parameters(f"input {name!r}", item)
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        what = datatype if isinstance(datatype, str) else "missing" if datatype is None else json_name(datatype)
        raise invalid(f"input {name!r}: datatype is {what}; expected one of {', '.join(DTYPES)}")
    shape = item.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise invalid(f"input {name!r}: 'shape' must be a list of whole numbers that are not negative")
    if "data" not in item:
        raise invalid(f"input {name!r}: 'data' is missing")
    return Tensor(datatype, decode(name, datatype, shape, item["data"]))


def _outputs(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise invalid(f"'outputs' must be a list, not {json_name(given)}")
    names = []
    for index, item in enumerate(given):
        names.append(_name("outputs", index, item))
        _check_parameters(f"output {names[-1]!r}", item)
    if len(set(names)) != len(names):
        raise invalid("'outputs' names an output twice")
    return tuple(names)


def _name(field: str, index: int, item: object) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise invalid(f"{field}[{index}] must be an object with a string 'name'")
    return name


def _check_parameters(where: str, item: dict[str, Any]) -> None:
    parameters = item.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise invalid(f"'parameters' of {where} must be an object, not {json_name(parameters)}")
    for key in ("binary_data", "binary_data_output"):
        if parameters.get(key):
            raise no_binary(f"parameter {key!r} of {where}")


def no_binary(asked_by: str) -> ServingError:
    """Return the error for a request that wants the binary tensor extension."""
    return invalid(f"{asked_by} asks for binary tensors, which this server does not offer; send and take JSON data")
