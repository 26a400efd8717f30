"""Where outputs differ, and which rows agree."""

import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from leadsman_package.manifest import Tolerance
from leadsman_serving.preflight.outputs import agreeing_rows, differences, parse_response
from leadsman_serving.signature import Tensor

EXACT = Tolerance(absolute=0, relative=0)


def _floats(*values: float, columns: int | None = None) -> dict[str, Tensor]:
    array = np.array(values, np.float32)
    return {"y": Tensor("FP32", array if columns is None else array.reshape(-1, columns))}


def _strings(*values: str) -> dict[str, Tensor]:
    return {"y": Tensor("BYTES", np.array(values, object))}


def _whole(*values: int) -> dict[str, Tensor]:
    return {"y": Tensor("INT64", np.array(values, np.int64))}


DIFFER = {
    "nothing": (_floats(1, 2), _floats(1, 2), []),
    "within the tolerance": (_floats(1000, 2), _floats(1000.05, 2), []),
    "NaN in both": (_floats(math.nan), _floats(math.nan), []),
    "a number": (_floats(1, 2), _floats(1, 2.5), ["output y[1]: expected 2.0, found 2.5"]),
    "the largest difference is told": (
        _floats(1, 2, 3),
        _floats(1.5, 9, 3),
        ["output y[1]: expected 2.0, found 9.0 (2 of 3 values differ)"],
    ),
    "NaN in one": (_floats(1), _floats(math.nan), ["output y[0]: expected 1.0, found null"]),
    "a label": (_strings("a", "b"), _strings("a", "c"), ["output y[1]: expected 'b', found 'c'"]),
    "a whole number, by little": (
        _whole(10**9),
        _whole(10**9 + 1),
        ["output y[0]: expected 1000000000, found 1000000001"],
    ),
    "a shape": (_floats(1), _floats(1, 2), ["output y: expected shape [1], found shape [2]"]),
    "a datatype": (_floats(1), _whole(1), ["output y: expected FP32, found INT64"]),
    "an output that is not there": (_floats(1), {}, ["output y: expected this output, found none of that name"]),
    "one more output": ({}, _floats(1), []),
}


@pytest.mark.parametrize("case", DIFFER)
def test_differences(case: str) -> None:
    expected, found, told = DIFFER[case]
    assert [*map(str, differences(expected, found, Tolerance()))] == told


AGREE = {
    "numbers, within a thousandth": (_floats(100, 1), _floats(100.05, 1.1), (1, 2)),
    "scores, with the largest at the same place": (
        _floats(0.9, 0.1, 0.4, 0.6, columns=2),
        _floats(0.6, 0.4, 0.6, 0.4, columns=2),
        (1, 2),
    ),
    "labels": (_strings("a", "b", "c"), _strings("a", "b", "x"), (2, 3)),
    "another shape": (_floats(1, 2), _floats(1), (0, 2)),
    "no values": (_floats(), _floats(), (0, 0)),
}


@pytest.mark.parametrize("case", AGREE)
def test_agreeing_rows(case: str) -> None:
    one, other, rows = AGREE[case]
    assert agreeing_rows(one, other) == rows


def test_a_row_agrees_when_all_its_outputs_do() -> None:
    one = {"a": Tensor("INT64", np.array([1, 2, 3])), "b": Tensor("FP32", np.array([1.0, 2.0, 3.0], np.float32))}
    other = {"a": Tensor("INT64", np.array([1, 2, 9])), "b": Tensor("FP32", np.array([9.0, 2.0, 3.0], np.float32))}
    assert agreeing_rows(one, other) == (1, 3)


_ARRAYS = nps.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.bool_]),
    nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(_ARRAYS)
def test_whatever_a_model_answers_is_as_itself(array: np.ndarray) -> None:
    outputs = {"y": Tensor("FP32", array)}
    assert differences(outputs, outputs, EXACT) == []
    agreed, rows = agreeing_rows(outputs, outputs)
    assert agreed == rows


@given(_ARRAYS, _ARRAYS)
def test_any_two_can_be_compared(one: np.ndarray, other: np.ndarray) -> None:
    outputs, others = {"y": Tensor("FP32", one)}, {"y": Tensor("FP32", other)}
    if one.dtype == other.dtype:
        list(map(str, differences(outputs, others, EXACT)))
        agreed, rows = agreeing_rows(outputs, others)
        assert 0 <= agreed <= rows


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_a_golden_answer_is_read_or_refused_in_a_sentence(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_response(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["outputs", "name", "datatype", "shape", "data"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(_JSON, _JSON, _JSON)
def test_fuzzed_golden_answers(datatype: object, shape: object, data: object) -> None:
    for document in (
        {"outputs": [{"name": "y", "datatype": datatype, "shape": shape, "data": data}]},
        {"outputs": [{"name": "y", "datatype": "FP32", "shape": shape, "data": data}]},
        {"outputs": datatype},
    ):
        with suppress(ValueError):
            parse_response(json.dumps(document).encode())
