import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.tensors import DTYPES, decode, encode

NUMERIC = {datatype: dtype for datatype, dtype in DTYPES.items() if datatype != "BYTES"}
SHAPES = nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def numeric_tensors(draw: st.DrawFn) -> tuple[str, np.ndarray[Any, Any]]:
    datatype = draw(st.sampled_from(sorted(NUMERIC)))
    dtype = NUMERIC[datatype]
    floats = {"allow_infinity": False} if dtype.kind == "f" else {}
    elements = nps.from_dtype(dtype, **floats)
    return datatype, draw(nps.arrays(dtype, draw(SHAPES), elements=elements))


def through_json(value: object) -> Any:
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


@given(numeric_tensors())
def test_numbers_survive_json_flat(tensor: tuple[str, np.ndarray[Any, Any]]) -> None:
    datatype, array = tensor
    back = decode("x", datatype, array.shape, through_json(encode(array)))
    np.testing.assert_array_equal(back, array, strict=True)


@given(numeric_tensors().filter(lambda tensor: tensor[1].ndim > 0))
def test_numbers_survive_json_nested(tensor: tuple[str, np.ndarray[Any, Any]]) -> None:
    datatype, array = tensor
    back = decode("x", datatype, array.shape, through_json(np.ascontiguousarray(array)))
    np.testing.assert_array_equal(back, array, strict=True)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_strings_survive_json(texts: list[str]) -> None:
    back = decode("x", "BYTES", [len(texts)], through_json(texts))
    assert back.dtype == object
    assert through_json(encode(back)) == texts


def test_null_is_nan_and_what_json_cannot_say_is_null() -> None:
    assert math.isnan(decode("x", "FP32", [1], [None])[0])
    assert through_json(encode(np.array([1, np.nan, np.inf], dtype=np.float32))) == [1, None, None]


REFUSED: dict[str, tuple[str, list[int], object, str]] = {
    "too few elements": ("FP32", [2, 2], [1, 2, 3], "shape [2, 2] holds 4 elements, but data has 3"),
    "rows of unequal length": ("FP32", [2, 2], [[1, 2], [3]], "lists of 2 at depth 1, but one has 1"),
    "too few rows": ("FP32", [2, 2], [[1, 2]], "wants 2 rows, but data has 1"),
    "nested deeper than the shape": ("FP32", [2], [[1], [2]], "element 0 is a list"),
    "lists and values mixed": ("FP32", [2, 1], [[1], 2], "mixes lists and single values at depth 1"),
    "text for a number": ("FP32", [1], ["1.5"], "FP32 takes numbers, but element 0 is a string"),
    "a fraction for a whole number": ("INT64", [2], [1, 1.5], "whole numbers, but element 1 is a number with a"),
    "null for a whole number": ("INT64", [1], [None], "element 0 is null"),
    "true for a number": ("INT32", [1], [True], "element 0 is a boolean"),
    "a number for a boolean": ("BOOL", [1], [1], "takes true or false, but element 0 is a whole number"),
    "a number for a string": ("BYTES", [1], [1], "takes strings"),
    "an object for a number": ("FP64", [1], [{}], "element 0 is an object"),
    "more than eight bits": ("UINT8", [2], [1, 256], "256 does not fit UINT8 (0 to 255)"),
    "less than nothing, unsigned": ("UINT64", [1], [-1], "-1 does not fit UINT64"),
    "more than 63 bits": ("INT64", [1], [2**63], "does not fit INT64"),
    "more than single precision": ("FP32", [2], [0, 1e39], "1e+39 does not fit FP32"),
    "more than half precision": ("FP16", [1], [70000], "70000 does not fit FP16 (at most 65504)"),
    "data that is no list": ("FP32", [], 1.0, "data must be a list, not a number with a fraction"),
    "more dimensions than numpy has": ("FP32", [1] * 65, [1], "larger than any tensor"),
    "a dimension beyond all memory": ("FP32", [0, 2**70], [], "larger than any tensor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    datatype, shape, data, message = REFUSED[case]
    with pytest.raises(ServingError) as caught:
        decode("age", datatype, shape, data)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.startswith("input 'age': ")
    assert message in caught.value.message
