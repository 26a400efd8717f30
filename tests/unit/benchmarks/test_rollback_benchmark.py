"""The benchmark of rollbacks: what would make its figures wrong without a word."""

from pathlib import Path

import numpy as np
import onnxruntime
from benchmarks.rollback.candidates import write_slow
from benchmarks.rollback.report import markdown
from benchmarks.rollback.results import Cell, Results, Round

from support.users import Answer, Users


def taken(decided: float, failed: int = 0) -> Round:
    return Round(decided, decided + 0.1, decided + 0.3, decided + 0.5, bad=5, failed=failed, load=1.0)


def found(*rounds: Round) -> Results:
    return Results("a machine", "nothing", 100, [Cell("every request fails", 10, 20, rounds)])


def test_the_report_tells_the_median_the_worst_and_where_the_time_goes() -> None:
    text = markdown(found(taken(2), taken(3), taken(7)))
    assert "| every request fails, 10 % of 20 requests/s | 3 | 3.1 | 7.1 | 3.5 | 7.5 | 5 | 5 |" in text
    assert "| every request fails, 10 % of 20 requests/s | 3.00 (7.00) | 0.10 (0.10) | 0.20 (0.20) |" in text
    assert "not for quoting" not in text
    assert "not for quoting" in markdown(found(taken(2)), whole=False)


def test_requests_that_failed_elsewhere_are_not_kept_quiet() -> None:
    assert "in all 2 rollbacks: **3**" in markdown(found(taken(2, failed=1), taken(3, failed=2)))


def test_what_was_not_measured_says_so() -> None:
    text = markdown(found(taken(2)))
    assert "bounds, not measured here" in text
    # (threshold + 1) x interval = 6 x 60 s, at 2 requests a second to the candidate
    assert "| 360 | 420 | 720 |" in text


def test_the_slow_candidate_takes_what_the_users_send(tmp_path: Path) -> None:
    session = onnxruntime.InferenceSession(write_slow(tmp_path / "slow.onnx"), providers=["CPUExecutionProvider"])
    [label] = session.run(None, {"X": np.ones((2, 4), np.float32)})
    assert label.shape == (2, 4)


def test_a_request_that_was_answered_late_is_no_failure_and_one_without_an_answer_is() -> None:
    users = Users("host", "iris", {}, 20)
    bad = Answer(1.0, 500, "bad")
    users.answers = [Answer(0.0, 200, "good", seconds=9.0), bad, Answer(2.0, 0, "", lost=("ConnectError",))]
    assert [answer.code for answer in users.failed()] == [500, 0]
    assert [answer.code for answer in users.failed(besides="bad")] == [0]
    assert users.by("bad") == [bad]
