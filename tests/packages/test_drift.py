"""How far two baselines are apart: what is told of samples of the same data, and of others."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadsman_package.baseline import Baseline, Column, Histogram
from leadsman_package.drift import density, drift

BINS = 20


def column(values: Any) -> Column:
    """Return the baseline of numbers as the format wants it: bins by quantiles."""
    numbers = np.asarray(values, float)
    present = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)))
    edges = np.append(edges, edges) if len(edges) == 1 else edges
    counts = np.histogram(present, edges)[0] if edges[0] < edges[-1] else [len(present)]
    return Column(
        tensor="x",
        datatype="FP32",
        values=len(numbers),
        missing=len(numbers) - len(present),
        mean=float(present.mean()),
        histogram=Histogram(edges=tuple(map(float, edges)), counts=tuple(map(int, counts))),
    )


def words(values: list[str]) -> Column:
    return Column(
        tensor="x", datatype="BYTES", values=len(values), missing=0, categories=dict(Counter(values)), other=0
    )


def verdict(one: Column, other: Column) -> str:
    (found,) = drift(Baseline(rows=1, inputs=(one,), outputs=()), Baseline(rows=1, inputs=(other,), outputs=()))
    return found.verdict


RANDOM = np.random.default_rng(5)
NORMAL = RANDOM.normal(0, 1, 4000)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(column(NORMAL), column(NORMAL), "alike", id="the same data"),
        pytest.param(column(NORMAL), column(RANDOM.normal(0, 1, 300)), "alike", id="a small sample of the same"),
        pytest.param(column(NORMAL), column(RANDOM.normal(0.25, 1, 4000)), "shifted", id="a quarter of a deviation"),
        pytest.param(column(NORMAL), column(RANDOM.normal(1, 1, 4000)), "far apart", id="a whole deviation"),
        pytest.param(column(NORMAL), column(NORMAL * 100), "far apart", id="another unit"),
        pytest.param(column(NORMAL), column([*NORMAL, *[np.nan] * 2000]), "far apart", id="a third is missing"),
        pytest.param(column([5] * 500), column([5] * 400), "alike", id="always the same number"),
        pytest.param(column([5] * 500), column([7] * 500), "far apart", id="always another number"),
        pytest.param(words(["a"] * 500 + ["b"] * 500), words(["b"] * 60 + ["a"] * 50), "alike", id="the same words"),
        pytest.param(words(["a"] * 500 + ["b"] * 500), words(["a"] * 500 + ["c"] * 500), "far apart", id="a new word"),
    ],
)
def test_verdicts(one: Column, other: Column, expected: str) -> None:
    assert verdict(one, other) == expected


def test_chance_alone_is_rarely_called_a_shift() -> None:
    random = np.random.default_rng(7)
    verdicts = Counter(verdict(column(random.gamma(2, 1, 500)), column(random.gamma(2, 1, 300))) for _ in range(400))
    assert verdicts["alike"] >= 0.97 * 400


def test_what_is_of_another_kind_is_not_compared() -> None:
    one, other = column(NORMAL), words(["a"])
    assert drift(Baseline(rows=1, inputs=(one,), outputs=()), Baseline(rows=1, inputs=(other,), outputs=())) == ()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_a_density_is_of_all_values(values: list[float]) -> None:
    histogram = column(values).histogram
    assert histogram is not None
    assert sum(density(histogram, 12)) == pytest.approx(1)


def test_a_density_shows_where_the_values_are() -> None:
    histogram = column(RANDOM.exponential(1, 5000)).histogram
    assert histogram is not None
    shares = density(histogram, 8)
    assert shares[0] > shares[1] > shares[2] > shares[-1]


@pytest.mark.parametrize(
    ("edges", "counts"),
    [
        pytest.param((), (), id="none"),
        pytest.param((0.0, 1.0), (1, 2), id="too few edges"),
        pytest.param((1.0, 0.0), (1,), id="edges that fall"),
        pytest.param((0.0, float("inf")), (1,), id="edges without end"),
        pytest.param((0.0, 1.0), (-1,), id="fewer than none"),
    ],
)
def test_histograms_that_are_none_are_refused(edges: tuple[float, ...], counts: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Histogram(edges=edges, counts=counts)
