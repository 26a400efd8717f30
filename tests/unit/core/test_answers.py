"""When two answers to the same request say the same."""

from typing import Any

import pytest

from leadsman.core.answers import Answer, Output, agree


def answer(**outputs: tuple[tuple[int, ...], tuple[Any, ...]]) -> Answer:
    """An answer with outputs, each as shape and values."""
    found = tuple(Output(name, shape, values) for name, (shape, values) in outputs.items())
    return Answer(seq=1, at=0.0, id="r", outputs=found)


def labels(*values: Any) -> Answer:
    return answer(label=((len(values),), values))


def scores(*rows: tuple[Any, ...]) -> Answer:
    return answer(scores=((len(rows), len(rows[0])), tuple(value for row in rows for value in row)))


AGREE = {
    "the same labels": (labels(3, 1), labels(3, 1)),
    "the same names": (labels("cat", "dog"), labels("cat", "dog")),
    "the same flags": (labels(True), labels(True)),
    "a label that looks like no number": (labels("NaN", "cat"), labels("NaN", "cat")),
    "numbers as close as they have to be": (labels(100.0), labels(100.09)),
    "numbers in one column": (answer(y=((2, 1), (1.0, 2.0))), answer(y=((2, 1), (1.0005, 2.0)))),
    "a number without a shape": (answer(y=((), (1.0,))), answer(y=((), (1.0,)))),
    "no number on either side": (labels("NaN", 1.0), labels("NaN", 1.0)),
    "no number anywhere": (labels("NaN"), labels("NaN")),
    "the same infinity": (labels("-Infinity", 1.0), labels("-Infinity", 1.0)),
    "scores of other sizes with the same class on top": (
        scores((0.1, 0.9), (0.8, 0.2)),
        scores((0.4, 0.6), (0.6, 0.4)),
    ),
    "scores that overflowed at the same place": (scores(("NaN", 0.9)), scores(("NaN", 0.1))),
    "whole numbers from one and fractions from the other": (labels(2, 3), labels(2.0, 3.0)),
    "outputs in another order": (
        answer(a=((1,), (1,)), b=((1,), (2,))),
        answer(b=((1,), (2,)), a=((1,), (1,))),
    ),
    "nothing": (answer(), answer()),
    "empty rows": (answer(y=((0, 3), ())), answer(y=((0, 3), ()))),
}
DISAGREE = {
    "one label of several": (labels(3, 1), labels(3, 2)),
    "labels are not compared by size": (labels(1_000_000), labels(1_000_001)),
    "other names": (labels("cat"), labels("dog")),
    "other flags": (labels(True), labels(False)),
    "numbers too far apart": (labels(100.0), labels(100.2)),
    "numbers on both sides of zero": (labels(0.0001), labels(-0.0001)),
    "no number against a number": (labels("NaN", 1.0), labels(0.0, 1.0)),
    "infinity against a number": (labels("Infinity"), labels(1e300)),
    "infinities": (labels("Infinity", 1.0), labels("-Infinity", 1.0)),
    "the class on top of one row": (scores((0.1, 0.9), (0.8, 0.2)), scores((0.1, 0.9), (0.2, 0.8))),
    "a score that is none": (scores((0.1, 0.9)), scores(("NaN", 0.9))),
    "a label against a number": (labels("1"), labels(1)),
    "another shape": (answer(y=((2, 1), (1, 2))), answer(y=((1, 2), (1, 2)))),
    "another output": (answer(a=((1,), (1,))), answer(b=((1,), (1,)))),
    "an output more": (answer(a=((1,), (1,))), answer(a=((1,), (1,)), b=((1,), (1,)))),
    "the second output": (answer(a=((1,), (1,)), b=((1,), (1,))), answer(a=((1,), (1,)), b=((1,), (2,)))),
}


@pytest.mark.parametrize(("one", "other"), AGREE.values(), ids=AGREE.keys())
def test_they_agree(one: Answer, other: Answer) -> None:
    assert agree(one, other, 0.001)
    assert agree(other, one, 0.001)


@pytest.mark.parametrize(("one", "other"), DISAGREE.values(), ids=DISAGREE.keys())
def test_they_disagree(one: Answer, other: Answer) -> None:
    assert not agree(one, other, 0.001)
    assert not agree(other, one, 0.001)


def test_without_tolerance_numbers_must_be_equal() -> None:
    assert agree(labels(0.1), labels(0.1), 0.0)
    assert not agree(labels(0.1), labels(0.1 + 1e-12), 0.0)
