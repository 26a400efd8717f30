"""How each server is asked, and how its answer is read. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.models import INPUT, OUTPUT

Array = NDArray[Any]

_LENGTH = "Inference-Header-Content-Length"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """One POST."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Dialect:
    """`ask(array, binary)` makes a request, `read(headers, body)` reads the answer; its headers are in lower case.

    `path` may hold {payload}; `binary` says that the second argument of `ask` may be true.
    """

    path: str
    ask: Callable[[Array, bool], Request]
    read: Callable[[Mapping[str, str], bytes], Array]
    binary: bool = False


def _ask_v2(array: Array, binary: bool) -> Request:
    tensor: dict[str, Any] = {"name": INPUT, "datatype": "FP32", "shape": list(array.shape)}
    if not binary:
        # As numpy's clients write it: each float as the double that it is.
        return Request(_compact({"inputs": [tensor | {"data": array.reshape(-1).tolist()}]}), _JSON)
    raw = array.tobytes()
    document = {
        "inputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}],
        "outputs": [{"name": OUTPUT, "parameters": {"binary_data": True}}],
    }
    header = _compact(document)
    return Request(header + raw, {"Content-Type": "application/octet-stream", _LENGTH: str(len(header))})


def _read_v2(headers: Mapping[str, str], body: bytes) -> Array:
    length = headers.get(_LENGTH.lower())
    document = json.loads(body if length is None else body[: int(length)])
    (output,) = document["outputs"]
    if output["name"] != OUTPUT or output["datatype"] != "FP32":
        raise ValueError(f"this is not the output asked for: {output['name']} of {output['datatype']}")
    if length is None:
        flat = np.asarray(output["data"], dtype=np.float32)
    else:
        flat = np.frombuffer(body[int(length) :], dtype=np.float32)
    return flat.reshape(output["shape"])


def _ask_rows(array: Array, _: bool) -> Request:
    return Request(_compact({"rows": array.tolist()}), _JSON)


def _read_rows(_: Mapping[str, str], body: bytes) -> Array:
    return np.asarray(json.loads(body), dtype=np.float32)


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def v2(path: str, *, binary: bool) -> Dialect:
    """Return the Open Inference Protocol, with the binary tensor extension or without."""
    return Dialect(path, _ask_v2, _read_v2, binary)


def rows(path: str) -> Dialect:
    """Return `{"rows": [[...]]}` answered with `[[...]]`, for servers that leave the form to their users."""
    return Dialect(path, _ask_rows, _read_rows)
