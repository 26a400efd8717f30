"""What is learned of a model before it is ready: how long it takes, and whether its rows may share a run."""

from collections.abc import Callable

import numpy as np
import pytest

from leadsman_serving.calibration import Calibration, best_rows, calibrate
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.rows import Feed
from leadsman_serving.tensors import Array

ROWS = [{"x": np.array([[number, 1 - number]], dtype=np.float32)} for number in (0, 1, 0.5)]


class Machine:
    """A model that takes `fixed` seconds a run and `each` a row, by a clock of its own."""

    def __init__(self, answer: Callable[[Array], Array], fixed: float, each: float) -> None:
        self._answer, self._fixed, self._each = answer, fixed, each
        self.now = 0.0

    def run(self, feed: Feed) -> list[Array]:
        self.now += self._fixed + self._each * len(feed["x"])
        return [self._answer(feed["x"])]

    def calibrated(self, most_rows: int = 64) -> Calibration:
        return calibrate(self.run, ROWS, most_rows, lambda: self.now)


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


def test_rows_that_are_all_the_same_prove_nothing() -> None:
    machine = Machine(row_sums, 0.001, 0)
    assert calibrate(machine.run, ROWS[:1], 64, lambda: machine.now).rows == 1
    assert calibrate(machine.run, [{"x": np.repeat(ROWS[0]["x"], 5, axis=0)}], 64, lambda: machine.now).rows == 1
    two = [{"x": np.concatenate([row["x"] for row in ROWS])}]
    assert calibrate(machine.run, two, 64, lambda: machine.now).rows == 64, "but one input of rows that differ does"


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
