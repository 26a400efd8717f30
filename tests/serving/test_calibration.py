"""What is learned of a model before it is ready: how long it takes, and whether its rows may share a run."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from leadsman_serving.calibration import TRIED_BYTES, Calibration, best_rows, calibrate
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.rows import Feed
from leadsman_serving.tensors import Array

ROWS = [{"x": np.array([[number, 1 - number]], dtype=np.float32)} for number in (0, 1, 0.5)]


class Machine:
    """A model that takes `fixed` seconds a run and `each` a row, by its own clock. `longest` is its largest batch."""

    def __init__(self, answer: Callable[[Array], Array], fixed: float, each: float) -> None:
        self._answer, self._fixed, self._each = answer, fixed, each
        self.now = 0.0
        self.longest = 0

    def run(self, feed: Feed) -> list[Array]:
        self.longest = max(self.longest, len(feed["x"]))
        self.now += self._fixed + self._each * len(feed["x"])
        with np.errstate(all="ignore"):
            return [self._answer(feed["x"])]

    def calibrated(self, feeds: Sequence[Feed] = ROWS, most_rows: int = 64, most_bytes: int = 1_000_000) -> Calibration:
        return calibrate(self.run, feeds, most_rows, most_bytes, lambda: self.now)


def row_sums(x: Array) -> Array:
    return x.sum(axis=1)


@pytest.mark.parametrize(
    ("fixed", "each", "rows"),
    [
        pytest.param(0.001, 0.00001, 64, id="a row costs next to nothing: as many as are allowed"),
        pytest.param(0.001, 0.001, 8, id="a row costs as much as a run: more would save hardly anything"),
        pytest.param(0.0001, 0.001, 1, id="rows cost nearly all there is: never"),
        pytest.param(0.000003, 0.000001, 1, id="a run is quicker than the handing over: never"),
        pytest.param(10.0, 0.001, 1, id="too slow to be tried before it is ready"),
    ],
)
def test_as_many_rows_share_a_run_as_are_worth_it(fixed: float, each: float, rows: int) -> None:
    assert Machine(row_sums, fixed, each).calibrated().rows == rows


def test_no_more_than_allowed() -> None:
    assert Machine(row_sums, 0.001, 0).calibrated(most_rows=10).rows == 8
    assert Machine(row_sums, 0.001, 0).calibrated(most_rows=1).rows == 1


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("the mean of the batch is taken away", lambda x: x - x.mean(axis=0)),
        ("shares of the batch", lambda x: np.exp(x) / np.exp(x).sum(axis=0)),
        ("running totals", lambda x: x.cumsum(axis=0)),
        ("one answer for all", lambda x: x.sum(keepdims=True)),
        ("rows in order", lambda x: np.sort(x, axis=0)),
        ("a scalar", lambda x: np.float32(x.sum()).reshape(())),
        ("only rows above zero", lambda x: x[x[:, 0] > 0]),
        ("shares of the largest of all, from 1 on", lambda x: x / np.maximum(1, np.abs(x).max())),
        ("less the largest of all, from 100 on", lambda x: x - np.maximum(100, x.max())),
        ("with the row before", lambda x: x + np.roll(x, 1, axis=0)),
        ("less the mean, from six rows on", lambda x: x - x.mean(axis=0) * (len(x) >= 6)),
        ("the same for every row", lambda x: np.zeros(len(x))),
        ("nothing that is a number", lambda x: np.full(len(x), np.nan) * x[:, 0]),
        ("one class for every row", lambda x: np.ones(len(x), np.int64)),
    ],
)
def test_rows_that_are_not_independent_never_share_a_run(what: str, answer: Callable[[Array], Array]) -> None:
    assert Machine(answer, 0.001, 0).calibrated().rows == 1, what


def test_a_model_of_one_row_never_shares_a_run() -> None:
    def only_one(x: Array) -> Array:
        if len(x) > 1:
            raise ServingError(Code.INTERNAL, "got 2, expected 1")
        return x

    assert Machine(only_one, 0.001, 0).calibrated().rows == 1


def test_whole_numbers_are_tried_large_too() -> None:
    def shares(x: Array) -> Array:
        return x / np.maximum(1, x.max())

    whole = [{"x": np.array([[number, 1]], np.uint8)} for number in (0, 1)]
    assert Machine(row_sums, 0.001, 0).calibrated(whole).rows == 64
    assert Machine(shares, 0.001, 0).calibrated(whole).rows == 1


def test_one_row_is_enough_when_its_numbers_can_be_changed() -> None:
    words = [{"x": np.array([["a"]], dtype=object)}]
    assert Machine(row_sums, 0.001, 0).calibrated(ROWS[:1]).rows == 64
    assert Machine(lambda x: x, 0.001, 0).calibrated(words).rows == 1, "words cannot"


def test_what_the_model_refuses_by_itself_is_left_out() -> None:
    def between_half_and_two(x: Array) -> Array:
        if (x < 0).any() or (x > 2).any() or not x.sum():
            raise ServingError(Code.INTERNAL, "out of range")
        return row_sums(x)

    made_up = [{"x": np.full((1, 2), number, np.float32)} for number in (0, 1, 2, 3)]
    assert Machine(between_half_and_two, 0.001, 0).calibrated(made_up).rows == 64
    with pytest.raises(ServingError, match="out of range"):
        Machine(between_half_and_two, 0.001, 0).calibrated([made_up[0], made_up[3]])


def test_a_row_without_a_finite_answer_does_no_harm() -> None:
    assert Machine(lambda x: np.log(x[:, 0]), 0.001, 0).calibrated().rows == 64


@pytest.mark.parametrize("error", [ServingError(Code.INTERNAL, "no memory"), MemoryError()])
def test_a_batch_that_fails_leaves_what_is_known_of_a_row(error: Exception) -> None:
    def at_most_four(x: Array) -> Array:
        if len(x) > 4:
            raise error
        return row_sums(x)

    assert Machine(at_most_four, 0.001, 0).calibrated() == Calibration(2, 0.001, 1, 0.001)


def test_no_batch_is_tried_that_nobody_could_send() -> None:
    machine = Machine(row_sums, 0.001, 0)
    assert machine.calibrated(most_bytes=40).rows == 4
    assert machine.longest <= 5, "rows of 8 bytes"
    assert Machine(row_sums, 0.001, 0).calibrated(most_bytes=15).rows == 1


def test_batches_that_are_tried_take_little_memory() -> None:
    machine, width = Machine(lambda x: x, 0.001, 0), TRIED_BYTES // 80  # 4 bytes each, in and out
    rows: list[Feed] = [{"x": np.full((1, width), number, np.float32)} for number in (0, 1)]
    assert machine.calibrated(rows, most_bytes=1 << 40).rows == 8
    assert machine.longest == 8


def test_the_fewest_rows_of_about_the_least_time() -> None:
    assert best_rows({1: 1.0, 2: 1.1, 4: 1.2, 8: 2.0, 16: 4.0}) == 8
    assert best_rows({1: 1.0, 2: 1.0, 4: 3.9, 8: 2.2, 16: 4.4}) == 8, "though one of them was disturbed"
    assert best_rows({1: 1.0}) == 1


def test_how_much_takes_how_long_lies_between_what_was_measured() -> None:
    calibration = Calibration(elements=10, seconds=1.0, rows=4, batch_seconds=2.0)
    assert [calibration.most_elements(seconds) for seconds in (0.9, 1.0, 1.5, 2.0, 4.0)] == [0, 10, 25, 40, 80]
    lone = Calibration(elements=10, seconds=1.0, rows=1, batch_seconds=1.0)
    assert [lone.most_elements(seconds) for seconds in (0.9, 1.0, 3.0)] == [0, 10, 30]
    assert Calibration().most_elements(10.0) == 0, "nothing is known"
