from pathlib import Path

import pytest

from demo.chart import Decision, Picture, candidate_weights, draw, per_second
from demo.records import Mark, Request
from demo.timeline import Point

NAN = pytest.approx(float("nan"), nan_ok=True)


def look(at: float, version: str, **weights: int) -> Point:
    named = {name.removeprefix("v"): weight for name, weight in weights.items()}
    return Point(at, version, named, harm={"errorRate": 0.1}, promotion={"errorRate": 0.9})


def request(at: float, version: str, code: int = 200) -> Request:
    return Request(at, 0.01, code, version, right=code == 200, coarse=False)


LOOKS = [
    look(0, "", v1=100),
    look(1, "2", v1=100),
    look(2, "2", v1=90, v2=10),
    look(3, "", v1=90, v2=10),  # the status is a moment ahead of the route
    look(3.1, "", v2=100),
    look(5, "3", v2=90, v3=10),
    look(6, "", v2=100),
]


def test_the_line_of_the_candidate_ends_at_100_when_promoted_and_at_0_when_rolled_back() -> None:
    times, weights = candidate_weights(LOOKS)
    assert times == [1, 2, 3, 3.1, 3.1, 5, 6, 6]
    assert weights == [0, 10, 10, 100, NAN, 10, 0, NAN]


def picture(**changes: object) -> Picture:
    whole = {
        "began": 0.0,
        "ended": 7.5,
        "looks": LOOKS,
        "receipts": [look(6, "3")],
        "requests": [request(0.5, "1"), request(5.5, "3", 500), request(5.6, "2"), request(7.0, "", 0)],
        "marks": [Mark(0.0, "version 1 serves"), Mark(5.0, "version 3 on trial")],
        "decisions": [Decision(6.0, "rolled back", bad=True)],
    }
    return Picture(**(whole | changes))  # type: ignore[arg-type]


def test_requests_are_counted_by_the_second_and_the_version() -> None:
    seconds, answers, failed = per_second(picture())
    assert len(seconds) == 8
    assert {version: sum(counts) for version, counts in answers.items()} == {"1": 1, "2": 1, "3": 1}
    assert [second for second in seconds if failed[second]] == [5, 7]


@pytest.mark.parametrize("changes", [{}, {"requests": [], "looks": [], "receipts": [], "decisions": []}])
def test_a_chart_is_drawn_of_much_and_of_little(tmp_path: Path, changes: dict[str, object]) -> None:
    draw(picture(**changes), tmp_path / "chart.png", tmp_path / "chart.svg")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "chart.svg").read_text()
