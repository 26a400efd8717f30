"""Tensors as bytes."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.raw import decode, encode, one_string
from leadsman_serving.tensors import DTYPES

NUMERIC = {datatype: dtype for datatype, dtype in DTYPES.items() if datatype != "BYTES"}


@st.composite
def numeric_tensors(draw: st.DrawFn) -> tuple[str, np.ndarray[Any, Any]]:
    datatype = draw(st.sampled_from(sorted(NUMERIC)))
    return datatype, draw(nps.arrays(NUMERIC[datatype], nps.array_shapes(min_dims=0, max_dims=4, min_side=0)))


@given(numeric_tensors(), st.integers(0, 9))
def test_numbers_survive_bit_by_bit_wherever_they_begin(tensor: tuple[str, np.ndarray[Any, Any]], offset: int) -> None:
    datatype, array = tensor
    data = memoryview(b" " * offset + encode(array))[offset:]
    back = decode("x", datatype, array.shape, data)
    assert (back.shape, back.dtype, back.tobytes()) == (array.shape, array.dtype, array.tobytes())
    assert back.flags.aligned


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_strings_survive(texts: list[str]) -> None:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    assert decode("x", "BYTES", [len(texts)], memoryview(encode(array))).tolist() == texts


def test_the_bytes_are_those_of_the_specification() -> None:
    assert encode(np.array([[1, 256]], dtype=np.int32)) == b"\x01\0\0\0\0\x01\0\0"
    assert encode(np.array([True, False])) == b"\x01\0"
    assert encode(np.array(["é", ""], dtype=object)) == b"\x02\0\0\0\xc3\xa9\0\0\0\0"
    assert encode(np.arange(6, dtype=np.uint8).reshape(2, 3).T) == bytes([0, 3, 1, 4, 2, 5])
    assert one_string("x", memoryview(b"abc")).tolist() == ["abc"]


def string(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


REFUSED: dict[str, tuple[str, list[int], bytes, str]] = {
    "too few bytes": ("FP32", [2, 2], bytes(15), "shape [2, 2] of FP32 takes 16 bytes, but its binary data has 15"),
    "too many bytes": ("FP16", [], bytes(3), "shape [] of FP16 takes 2 bytes, but its binary data has 3"),
    "a boolean that is neither": ("BOOL", [3], b"\0\x01\x02", "a BOOL is a byte 0 or 1, but element 2 is 2"),
    "half a length": ("BYTES", [1], b"\x01\0", "ends within element 0 of BYTES"),
    "half a string": ("BYTES", [2], string(b"ab") + string(b"cd")[:-1], "ends within element 1 of BYTES"),
    "a length beyond all memory": ("BYTES", [1], b"\xff\xff\xff\xffa", "ends within element 0 of BYTES"),
    "too few strings": ("BYTES", [2], string(b"a"), "shape [2] holds 2 elements, but its binary data has 1"),
    "too many strings": ("BYTES", [1], string(b"") * 3, "shape [1] holds 1 elements, but its binary data has more"),
    "no UTF-8": ("BYTES", [2], string(b"a") + string(b"\xff"), "element 1 of BYTES is not UTF-8"),
    "more dimensions than numpy has": ("UINT8", [1] * 65, b"a", "shape of rank 65 is larger than any tensor can be"),
    "a dimension beyond all memory": ("FP32", [0, 2**70], b"", "larger than any tensor can be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    datatype, shape, data, message = REFUSED[case]
    with pytest.raises(ServingError) as caught:
        decode("age", datatype, shape, memoryview(data))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.startswith("input 'age': ")
    assert message in caught.value.message
