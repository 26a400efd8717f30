"""The rules of a schema, against what one would find by looking at every value."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leadsman_serving.schema import InputSchema, Rules, Scalar, Schema, Violation
from leadsman_serving.tensors import DTYPES, Array

NUMERIC = [name for name, dtype in DTYPES.items() if dtype.kind in "iuf"]
WORDS = ["", "DE", "AT", "CH"]


def is_missing(value: Any) -> bool:
    return value == "" or (isinstance(value, float) and math.isnan(value))


def broken(rules: Rules, value: Any, dtype: np.dtype[Any]) -> str | None:
    """The rule that one value breaks."""
    if is_missing(value):
        return "missing" if rules.refuse_missing else None
    if rules.low is not None and value < dtype.type(rules.low).item():
        return "range"
    if rules.high is not None and value > dtype.type(rules.high).item():
        return "range"
    return "category" if rules.categories is not None and value not in rules.categories else None


def found_one_by_one(features: list[tuple[str, Rules]], array: Array) -> dict[tuple[str, str], tuple[int, Any, Any]]:
    """By feature and rule: how often, and of the first time the index and the value."""
    found: dict[tuple[str, str], tuple[int, Any, Any]] = {}
    for number, index in enumerate(np.ndindex(array.shape)):
        name, rules = features[number % len(features)]
        value = array[index].item() if array.dtype.kind != "O" else array[index]
        rule = broken(rules, value, array.dtype)
        if rule is not None:
            times, *first = found.get((name, rule), (0, index, value))
            found[name, rule] = (times + 1, first[0], first[1])
    return found


def values(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    match dtype.kind:
        case "O":
            return st.sampled_from([*WORDS, "FR"])
        case "b":
            return st.booleans()
        case "f":
            return st.floats(width=dtype.itemsize * 8) | st.sampled_from([0.0, 0.5, 1.0, math.nan])
    return st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) | st.integers(0, 5)


@st.composite
def rules_for(draw: st.DrawFn, dtype: np.dtype[Any]) -> Rules:
    refuse_missing = draw(st.booleans())
    if dtype.kind in "iuf" and draw(st.booleans()):
        limits = values(dtype).filter(lambda value: not is_missing(value) and abs(value) != math.inf)
        low, high = sorted([draw(limits), draw(limits)])
        return Rules(*draw(st.sampled_from([(low, None), (None, high), (low, high)])), refuse_missing=refuse_missing)
    if dtype.kind != "f" and draw(st.booleans()):
        some: tuple[Scalar, ...] = tuple(draw(st.lists(values(dtype), min_size=1, max_size=4, unique=True)))
        return Rules(categories=some, refuse_missing=refuse_missing)
    return Rules(refuse_missing=refuse_missing)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, list[tuple[str, Rules]], Array]:
    datatype = draw(st.sampled_from(sorted(DTYPES)))
    dtype = DTYPES[datatype]
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
    by_feature = shape and shape[-1] and draw(st.booleans())
    names = [f"f{position}" for position in range(shape[-1])] if by_feature else [""]
    features = [(name, draw(rules_for(dtype))) for name in names]
    return datatype, features, draw(arrays.arrays(dtype, shape, elements=values(dtype)))


@given(inputs())
def test_finds_what_one_finds_by_looking_at_every_value(case: tuple[str, list[tuple[str, Rules]], Array]) -> None:
    datatype, features, array = case
    schema = Schema((InputSchema("x", datatype, features),))
    expected = found_one_by_one(features, array)
    got = schema.violations({"x": array})
    assert {(each.feature, each.rule): (each.times, each.index) for each in got} == {
        key: (times, index) for key, (times, index, _) in expected.items()
    }
    for each in got:
        first = expected[each.feature, each.rule][2]
        assert each.value == first or is_missing(first)
    told = {(feature, rule) for _, feature, rule in schema.rules()}
    assert {(each.feature, each.rule) for each in got} <= told


def test_a_range_is_of_the_inputs_own_numbers() -> None:
    """0.1 is no number of FP32: the one next to it is what a client sends for it, and what a sample's maximum was."""
    for datatype in ("FP16", "FP32", "FP64"):
        array = np.array([[0.1, 0.7]], DTYPES[datatype])
        rules = [("low", Rules(low=0.1)), ("high", Rules(high=0.7))]
        assert InputSchema("x", datatype, rules).violations(array) == []
        assert InputSchema("x", datatype, [("", Rules(0.1, 0.7))]).violations(array) == []


def test_whole_numbers_are_compared_exactly() -> None:
    most = 2**63 - 1
    rules = InputSchema("x", "INT64", [("", Rules(high=most - 1))])
    assert rules.violations(np.array([most - 1])) == []
    assert [each.value for each in rules.violations(np.array([most - 1, most]))] == [most]


SENTENCES: dict[str, tuple[Violation, str]] = {
    "a feature of a row": (
        Violation("X", "age", "range", 1, (3, 2), np.float32(200), "0 to 130"),
        "input 'X': feature 'age' of row 3 is 200.0, but the model's schema expects 0 to 130",
    ),
    "a feature of a step in time": (
        Violation("X", "age", "missing", 1, (3, 7, 2), math.nan, "a value"),
        "input 'X': feature 'age' at [3, 7] is missing, but the model's schema expects a value",
    ),
    "a feature of the only row": (
        Violation("X", "kind", "category", 1, (2,), 7, "one of 1, 2"),
        "input 'X': feature 'kind' is 7, but the model's schema expects one of 1, 2",
    ),
    "an element": (
        Violation("country", "", "category", 1, (4, 0), "F" * 200, "one of 'DE', 'AT'"),
        f"input 'country': element [4, 0] is '{'F' * 98}…, but the model's schema expects one of 'DE', 'AT'",
    ),
    "a scalar": (
        Violation("ok", "", "category", 1, (), False, "one of true"),
        "input 'ok' is false, but the model's schema expects one of true",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_sentences(case: str) -> None:
    violation, sentence = SENTENCES[case]
    assert str(violation) == sentence


EXPECTED: dict[str, tuple[Rules, str, str]] = {
    "a range": (Rules(0, 1.5), "range", "0 to 1.5"),
    "a least": (Rules(low=0), "range", "at least 0"),
    "a most": (Rules(high=-1), "range", "at most -1"),
    "many categories": (Rules(categories=tuple(range(10))), "category", "one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
    "a value": (Rules(refuse_missing=True), "missing", "a value"),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_what_was_expected(case: str) -> None:
    rules, rule, sentence = EXPECTED[case]
    assert (list(rules.told()), rules.expected(rule)) == ([rule], sentence)
