"""Tensors of the Open Inference Protocol: JSON `data` to numpy and back. Pure.

JSON has no NaN and no infinity. `null` stands for NaN in a floating-point input; in an output both NaN and
the infinities become `null`.
"""

from array import array
from collections.abc import Sequence
from itertools import chain
from math import isfinite, prod
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadsman_serving.errors import ServingError, invalid

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
"""Every datatype of the protocol and how numpy holds it (BYTES: an object array of str)."""

_ACCEPTS: dict[str, tuple[frozenset[object], str]] = {
    "b": (frozenset({bool}), "true or false"),
    "i": (frozenset({int}), "whole numbers"),
    "u": (frozenset({int}), "whole numbers"),
    "f": (frozenset({int, float, NoneType}), "numbers"),
    "O": (frozenset({str}), "strings"),
}
_CODES = {"FP32": "f", "FP64": "d"}
"""Datatypes that the standard library's arrays have too, which are made of a list in two thirds of numpy's time."""
_MOST_DIMENSIONS = 64  # of numpy
_JSON_NAMES = {str: "a string", bool: "a boolean", int: "a whole number", float: "a number with a fraction"}
_JSON_NAMES |= {list: "a list", dict: "an object", NoneType: "null"}


def decode(name: str, datatype: str, shape: Sequence[int], data: object) -> Array:
    """Return the tensor that a request's `datatype`, `shape` and `data` (nested or flat, row-major) describe.

    Raises ServingError (invalid argument) that names the input when the three do not fit each other.
    """
    dtype = DTYPES[datatype]
    flat = _flatten(name, shape, data)
    if len(flat) != prod(shape):
        raise invalid(f"input {name!r}: shape {list(shape)} holds {prod(shape)} elements, but data has {len(flat)}")
    kinds = _check_types(name, datatype, flat)
    try:
        made = _to_array(flat, datatype, kinds)
        reshaped = made.reshape(shape)
    except OverflowError:
        bounds = np.iinfo(dtype)
        wrong = next(value for value in flat if not bounds.min <= value <= bounds.max)
        raise invalid(f"input {name!r}: {wrong} does not fit {datatype} ({bounds.min} to {bounds.max})") from None
    except ValueError:
        raise too_large(name, shape) from None
    if dtype.kind == "f" and not isfinite(np.vdot(made, made)) and np.isinf(made).any():
        wrong = flat[int(np.isinf(made).argmax())]
        raise invalid(f"input {name!r}: {wrong} does not fit {datatype} (at most {np.finfo(dtype).max:g})")
    return reshaped


def encode(array: Array) -> object:
    """Return the flat `data` of a response tensor, as something that orjson with OPT_SERIALIZE_NUMPY writes."""
    if array.dtype.kind == "O":
        return array.reshape(-1).tolist()
    return array.ravel()


def _to_array(flat: list[Any], datatype: str, kinds: set[object]) -> Array:
    dtype, code = DTYPES[datatype], _CODES.get(datatype)
    if dtype.kind != "f":
        return np.array(flat, dtype=dtype)
    if code is not None and NoneType not in kinds:
        return np.frombuffer(array(code, flat), dtype)
    with np.errstate(over="ignore"):  # becomes infinity, which JSON cannot say: decode() refuses it with the value
        return np.array(flat, dtype=dtype)


def _flatten(name: str, shape: Sequence[int], data: object) -> list[Any]:
    if not isinstance(data, list):
        raise invalid(f"input {name!r}: data must be a list, not {json_name(data)}")
    level: list[Any] = data
    for depth, size in enumerate(shape[1:], start=1):
        if not level or type(level[0]) is not list:
            return level
        if depth == 1 and len(level) != shape[0]:
            raise invalid(f"input {name!r}: shape {list(shape)} wants {shape[0]} rows, but data has {len(level)}")
        if set(map(type, level)) != {list}:
            raise invalid(f"input {name!r}: data mixes lists and single values at depth {depth}")
        if set(map(len, level)) != {size}:
            wrong = next(len(row) for row in level if len(row) != size)
            raise invalid(
                f"input {name!r}: shape {list(shape)} wants lists of {size} at depth {depth}, but one has {wrong}"
            )
        level = list(chain.from_iterable(level))
    return level


def _check_types(name: str, datatype: str, flat: list[Any]) -> set[object]:
    """Return the types there are."""
    accepted, expected = _ACCEPTS[DTYPES[datatype].kind]
    kinds: set[object] = set(map(type, flat))
    if kinds <= accepted:
        return kinds
    at, wrong = next((i, value) for i, value in enumerate(flat) if type(value) not in accepted)
    raise invalid(f"input {name!r}: {datatype} takes {expected}, but element {at} is {json_name(wrong)}")


def json_name(value: object) -> str:
    """Return what a JSON value is, in words, for error messages."""
    return _JSON_NAMES.get(type(value), "something else")


def check_rank(name: str, shape: Sequence[int]) -> None:
    """Raise ServingError (invalid argument) for more dimensions than any tensor has.

    Before anything is computed of them: the product of a few thousand takes seconds, and is too long to be shown.
    """
    if len(shape) > _MOST_DIMENSIONS:
        raise too_large(name, shape)


def too_large(name: str, shape: Sequence[int]) -> ServingError:
    """Return the error for a shape that no tensor can have, whatever its data."""
    return invalid(f"input {name!r}: shape {_brief(shape)} is larger than any tensor can be")


def _brief(shape: Sequence[int]) -> str:
    return str(list(shape)) if len(shape) <= 8 else f"of rank {len(shape)}"
