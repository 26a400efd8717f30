"""Tensors as bytes, the form that the binary extension of HTTP and the raw contents of gRPC share. Pure.

Little-endian and row-major without padding; a BOOL is one byte, 0 or 1; an element of BYTES is its length as four bytes
and then the bytes, which have to be UTF-8 because the strings of ONNX Runtime are.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from leadsman_serving.errors import Code, ServingError, invalid
from leadsman_serving.tensors import DTYPES, Array, too_large

MOST_STRINGS = 1_000_000
"""In one request: they are read one by one, in 0.7 s."""
_PREFIX = 4


class Strings:
    """Counts the strings of one request before they are read."""

    def __init__(self) -> None:
        self._most = 0

    def add(self, shape: Sequence[int], data: memoryview) -> None:
        """Count a tensor of BYTES. Raises ServingError (too large) when there are too many, as far as lengths tell."""
        self._most += min(prod(shape), len(data) // _PREFIX)
        if self._most > MOST_STRINGS:
            raise ServingError(
                Code.TOO_LARGE,
                f"the request has {self._most} strings as bytes, and at most {MOST_STRINGS} are taken:"
                " send several requests",
            )


def decode(name: str, datatype: str, shape: Sequence[int], data: memoryview) -> Array:
    """Return the tensor of these bytes, which it may go on using.

    Raises ServingError (invalid argument) that names the input when they do not fit the datatype and the shape.
    """
    array = _strings(name, shape, data) if datatype == "BYTES" else _numbers(name, datatype, shape, data)
    try:
        return array.reshape(tuple(shape))
    except ValueError:
        raise too_large(name, shape) from None


def encode(array: Array) -> bytes:
    """Return the bytes of a tensor."""
    if array.dtype.kind != "O":
        return array.tobytes()
    texts = [each.encode() for each in array.reshape(-1).tolist()]
    return b"".join(part for each in texts for part in (len(each).to_bytes(_PREFIX, "little"), each))


def one_string(name: str, data: memoryview) -> Array:
    """Return the BYTES tensor of shape [1] of one string that is sent without its length."""
    array = np.empty(1, dtype=object)
    array[0] = text(name, 0, data)
    return array


def _numbers(name: str, datatype: str, shape: Sequence[int], data: memoryview) -> Array:
    dtype = DTYPES[datatype]
    wanted = prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise invalid(
            f"input {name!r}: shape {list(shape)} of {datatype} takes {wanted} bytes,"
            f" but its binary data has {len(data)}"
        )
    if datatype == "BOOL":
        _check_booleans(name, data)
    array = np.frombuffer(data, dtype)
    # Kernels may load whole vectors from where the numbers begin, and JSON of any length may stand before them.
    return array if array.flags.aligned else array.copy()


def _check_booleans(name: str, data: memoryview) -> None:
    wrong = np.frombuffer(data, np.uint8) > 1
    if wrong.any():
        at = int(wrong.argmax())
        raise invalid(f"input {name!r}: a BOOL is a byte 0 or 1, but element {at} is {data[at]}")


def _strings(name: str, shape: Sequence[int], data: memoryview) -> Array:
    count = prod(shape)
    texts: list[str] = []
    start = 0
    while start < len(data):
        end = start + _PREFIX + int.from_bytes(data[start : start + _PREFIX], "little")
        if start + _PREFIX > len(data) or end > len(data):
            raise invalid(f"input {name!r}: its binary data ends within element {len(texts)} of BYTES")
        texts.append(text(name, len(texts), data[start + _PREFIX : end]))
        start = end
        if len(texts) > count:
            break
    if len(texts) != count:
        more = "more" if len(texts) > count else str(len(texts))
        raise invalid(f"input {name!r}: shape {list(shape)} holds {count} elements, but its binary data has {more}")
    array = np.empty(count, dtype=object)
    array[:] = texts
    return array


def text(name: str, index: int, data: bytes | memoryview) -> str:
    """Return one element of BYTES as a string. Raises ServingError (invalid argument) when it is not UTF-8."""
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise invalid(f"input {name!r}: element {index} of BYTES is not UTF-8") from None
