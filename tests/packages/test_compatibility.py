"""What differs for the callers of a model when another takes its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman_package.compatibility import changes
from leadsman_package.manifest import Dimension, Input, Output, Signature

NUMBERS = {"name": "x", "datatype": "FP32", "shape": (-1, 2)}
NAMED = {**NUMBERS, "features": ({"name": "age"}, {"name": "income"})}
SCORE = {"name": "score", "datatype": "FP32", "shape": (-1, 1)}
TWO = {"name": "y", "datatype": "INT64", "shape": (-1, 1)}

Part = dict[str, Any]


def signature(inputs: list[Part], outputs: list[Part]) -> Signature:
    return Signature.model_validate({"inputs": inputs, "outputs": outputs})


def seen(old: Signature, new: Signature) -> list[str]:
    return [("breaking: " if change.breaking else "") + str(change) for change in changes(old, new)]


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        pytest.param(NUMBERS, NUMBERS, [], id="nothing"),
        pytest.param(NUMBERS, NUMBERS | {"description": "both"}, [], id="words for people"),
        pytest.param(NUMBERS, NUMBERS | {"shape": ("batch", 2)}, [], id="a name for a size that was free"),
        pytest.param(
            NUMBERS, NUMBERS | {"datatype": "FP64"}, ["breaking: input 'x' is FP64, was FP32"], id="another datatype"
        ),
        pytest.param(
            NUMBERS,
            NUMBERS | {"shape": (-1, 3)},
            ["breaking: input 'x' has the shape [any, 3], had [any, 2]"],
            id="another size",
        ),
        pytest.param(
            NUMBERS,
            NUMBERS | {"shape": (1, 2)},
            ["breaking: input 'x' has the shape [1, 2], had [any, 2]"],
            id="a size that was free",
        ),
        pytest.param(
            NUMBERS,
            NUMBERS | {"shape": (-1, -1)},
            ["input 'x' has the shape [any, any], had [any, 2]"],
            id="a size that is free now",
        ),
        pytest.param(
            NUMBERS,
            NUMBERS | {"shape": (2,)},
            ["breaking: input 'x' has the shape [2], had [any, 2]"],
            id="a dimension less",
        ),
        pytest.param(
            NUMBERS | {"shape": ()},
            NUMBERS,
            ["input 'x' has the shape [any, 2], had []"],
            id="a shape that nobody knew",
        ),
        pytest.param(
            NAMED,
            NUMBERS | {"features": ({"name": "income"}, {"name": "age"})},
            [
                "breaking: input 'x' has 'income' in column 0, where it had 'age'",
                "breaking: input 'x' has 'age' in column 1, where it had 'income'",
            ],
            id="columns that changed places, which no request shows",
        ),
        pytest.param(NUMBERS, NAMED, [], id="columns that have got names"),
        pytest.param(
            NUMBERS | {"unit": "EUR"},
            NUMBERS | {"unit": "cent"},
            ["breaking: input 'x' has the unit 'cent', had 'EUR'"],
            id="another unit",
        ),
        pytest.param(NUMBERS, NUMBERS | {"unit": "EUR"}, [], id="a unit that nobody had stated"),
        pytest.param(
            NUMBERS | {"range": {"min": 0, "max": 10}},
            NUMBERS | {"range": {"min": 0, "max": 8}},
            ["input 'x' lies between 0 and 8, before between 0 and 10"],
            id="a narrower range",
        ),
        pytest.param(
            NUMBERS | {"range": {"min": 0, "max": 10}},
            NUMBERS,
            ["input 'x' lies between -∞ and ∞, before between 0 and 10"],
            id="no range any more",
        ),
        pytest.param(
            TWO | {"categories": (1, 2)},
            TWO | {"categories": (2, 3)},
            ["input 'y' no longer has 1", "input 'y' now also has 3"],
            id="other categories",
        ),
        pytest.param(
            TWO, TWO | {"categories": (1, 2)}, ["input 'y' has 2 categories, before any value"], id="categories at all"
        ),
        pytest.param(
            NUMBERS | {"missing": "allowed"},
            NUMBERS | {"missing": "refused"},
            ["input 'x' now has missing values refused"],
            id="missing values that were allowed",
        ),
        pytest.param(
            NAMED,
            NUMBERS | {"features": ({"name": "age", "range": {"max": 9}}, {"name": "income"})},
            ["input 'x', feature 'age' lies between -∞ and 9, before between -∞ and ∞"],
            id="the range of one column",
        ),
    ],
)
def test_one_input(was: Part, now: Part, expected: list[str]) -> None:
    assert seen(signature([was], [SCORE]), signature([now], [SCORE])) == expected


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        pytest.param([SCORE], [SCORE], [], id="nothing"),
        pytest.param(
            [SCORE | {"shape": ()}],
            [SCORE],
            ["output 'score' has the shape [any, 1], had []"],
            id="a shape that nobody knew",
        ),
        pytest.param(
            [SCORE],
            [SCORE | {"shape": ()}],
            ["output 'score' has the shape [], had [any, 1]"],
            id="a shape that nobody knows any more",
        ),
        pytest.param([SCORE], [SCORE, TWO], ["output 'y' came (INT64 [any, 1])"], id="one more to read"),
        pytest.param([SCORE, TWO], [SCORE], ["breaking: output 'y' is gone"], id="one that is gone"),
        pytest.param(
            [SCORE, TWO],
            [TWO, SCORE],
            ["the outputs are in the order 'y', 'score', were 'score', 'y'"],
            id="another order",
        ),
        pytest.param(
            [SCORE],
            [SCORE | {"shape": (-1, -1)}],
            ["breaking: output 'score' has the shape [any, any], had [any, 1]"],
            id="a size that is free now, which its readers do not expect",
        ),
        pytest.param(
            [SCORE],
            [SCORE | {"shape": (1, 1)}],
            ["output 'score' has the shape [1, 1], had [any, 1]"],
            id="a size that was free",
        ),
        pytest.param(
            [SCORE | {"labels": ("no", "yes")}],
            [SCORE | {"labels": ("yes", "no")}],
            ["breaking: output 'score' has the labels 'yes', 'no', had 'no', 'yes'"],
            id="classes that changed places",
        ),
    ],
)
def test_outputs(was: list[Part], now: list[Part], expected: list[str]) -> None:
    assert seen(signature([NUMBERS], was), signature([NUMBERS], now)) == expected


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        pytest.param([NUMBERS, TWO], [NUMBERS], ["breaking: input 'y' is gone"], id="one that is gone"),
        pytest.param(
            [NUMBERS],
            [NUMBERS, TWO],
            ["breaking: input 'y' came (INT64 [any, 1]), which no request gives yet"],
            id="one that came: ONNX has no optional inputs",
        ),
        pytest.param(
            [NUMBERS | {"range": {"max": 1}}, TWO],
            [NUMBERS],
            ["breaking: input 'y' is gone", "input 'x' lies between -∞ and ∞, before between -∞ and 1"],
            id="the breaking ones first",
        ),
    ],
)
def test_inputs(was: list[Part], now: list[Part], expected: list[str]) -> None:
    assert seen(signature(was, [SCORE]), signature(now, [SCORE])) == expected


SIZES: st.SearchStrategy[Dimension] = st.sampled_from([-1, 1, 2, "n"])
SHAPES = st.lists(SIZES, min_size=1, max_size=3).map(tuple)
"""Those that are known: of an empty one nobody can say what it takes."""


def _fits(given: tuple[int, ...], shape: tuple[Dimension, ...]) -> bool:
    return len(given) == len(shape) and all(
        free in (-1, "n") or size == free for size, free in zip(given, shape, strict=True)
    )


@given(old=SHAPES, new=SHAPES, sent=st.lists(st.integers(1, 3), max_size=3).map(tuple))
def test_no_request_that_fitted_is_refused_unless_a_change_is_breaking(
    old: tuple[Dimension, ...], new: tuple[Dimension, ...], sent: tuple[int, ...]
) -> None:
    output = Output(name="score", datatype="FP32", shape=(-1,))
    was, now = (
        Signature(inputs=(Input(name="x", datatype="FP32", shape=shape),), outputs=(output,)) for shape in (old, new)
    )
    if _fits(sent, old) and not _fits(sent, new):
        assert any(change.breaking for change in changes(was, now))
