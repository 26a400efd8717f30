"""What an ONNX file says of itself: what it takes and gives, its operators, and who made it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, get_args

import onnx
from google.protobuf.message import DecodeError
from pydantic import ValidationError

from leadsman_package.errors import PackageError
from leadsman_package.manifest import Datatype, Dimension, Input, Output, Signature

_NAMES = {"FLOAT": "FP32", "DOUBLE": "FP64", "FLOAT16": "FP16", "STRING": "BYTES"}
_DEFAULT_DOMAIN = "ai.onnx"


@dataclass(frozen=True, slots=True)
class Summary:
    """A model file. `opsets` are the versions of the operators' domains, `operators` how often each is used."""

    producer: str
    ir_version: int
    opsets: dict[str, int]
    operators: dict[str, int]
    numbers: int
    """That its weights and the attributes of its operators, as the trees of a forest, have."""
    signature: Signature | None
    """None: it has an input or output that no request can carry, which `unfit` names."""
    unfit: str | None = None


def summarise(path: Path, shown: str) -> Summary:
    """Return what a model file says; its external data is not read. Raises PackageError when it is no model in ONNX."""
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError) as error:
        raise PackageError(f"{shown} is no model in ONNX: {error}") from None
    graph = model.graph
    if not graph.node and not graph.output:
        raise PackageError(f"{shown} is no model in ONNX: it has no graph")
    weights = {tensor.name for tensor in graph.initializer}
    signature, unfit = _signature([value for value in graph.input if value.name not in weights], graph.output)
    return Summary(
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        ir_version=model.ir_version,
        opsets={each.domain or _DEFAULT_DOMAIN: each.version for each in model.opset_import},
        operators=dict(Counter(map(_operator, _nodes(model))).most_common()),
        numbers=sum(prod(tensor.dims) for tensor in graph.initializer) + sum(map(_numbers, _nodes(model))),
        signature=signature,
        unfit=unfit,
    )


def _nodes(model: Any) -> Iterator[Any]:
    """Yield all nodes, those of subgraphs and functions as well."""
    ahead = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while ahead:
        node = ahead.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                ahead.extend(graph.node)


def _operator(node: Any) -> str:
    return node.op_type if node.domain in ("", _DEFAULT_DOMAIN) else f"{node.domain}.{node.op_type}"


def _numbers(node: Any) -> int:
    return sum(len(each.floats) + len(each.ints) + prod(each.t.dims or (0,)) for each in node.attribute)


def _signature(inputs: Any, outputs: Any) -> tuple[Signature | None, str | None]:
    for role, values in (("input", inputs), ("output", outputs)):
        for value in values:
            if _datatype(value) is None:
                return None, f"{role} {value.name!r} is no tensor that a request can carry"
    try:
        return (
            Signature(
                inputs=tuple(Input(name=one.name, datatype=_datatype(one), shape=_shape(one)) for one in inputs),
                outputs=tuple(Output(name=one.name, datatype=_datatype(one), shape=_shape(one)) for one in outputs),
            ),
            None,
        )
    except ValidationError as error:
        return None, error.errors(include_url=False)[0]["msg"]


def _datatype(value: Any) -> Any:
    """Return the protocol's name of a tensor's datatype; None for what is none."""
    kind = value.type.tensor_type.elem_type
    name = onnx.TensorProto.DataType.Name(kind) if kind in onnx.TensorProto.DataType.values() else ""
    name = _NAMES.get(name, name)
    return name if name in get_args(Datatype) else None


def _shape(value: Any) -> tuple[Dimension, ...]:
    dimensions = value.type.tensor_type.shape.dim
    return tuple(one.dim_value if one.HasField("dim_value") else one.dim_param or -1 for one in dimensions)
