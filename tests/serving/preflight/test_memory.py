"""One container for all: what the model may have is told from what preflight itself and the other model take."""

from pathlib import Path

import pytest

from leadsman_serving.preflight.files import Source
from leadsman_serving.preflight.measured import Demands
from leadsman_serving.preflight.process import own_memory
from leadsman_serving.preflight.report import Check, Report, Verdict
from leadsman_serving.preflight.run import Flight, preflight
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.trial import Runtime
from serving.preflight.packages import package, scores

_MIB = 1 << 20
A_MODEL = 70 * _MIB
"""About what a process with a small model takes."""


def fly(tmp_path: Path, room: int | None, **demands: float) -> Report:
    """Prove a model against one like it, where models and preflight have so many bytes more than preflight has now."""
    candidate, stable = (
        Source(str(package(tmp_path / name, scores(weight)))) for name, weight in (("one", 1.0), ("other", 1.00001))
    )
    container = None if room is None else own_memory() + room
    runtime = Runtime(1, ("cpu",), None, container, most_rows=16, most_bytes=_MIB)
    flight = Flight(candidate, stable, None, Demands(**demands), runtime, tmp_path)  # type: ignore[arg-type]
    return preflight(flight, TimeLeft(50 + TimeLeft(0).clock()), lambda _: None)


def check(report: Report, name: str) -> Check:
    (found,) = (each for each in report.checks if each.name == name)
    return found


@pytest.mark.parametrize("room", [None, 8 * A_MODEL])
def test_both_are_timed_beside_each_other_where_there_is_room(room: int | None, tmp_path: Path) -> None:
    report = fly(tmp_path, room, latency_ratio=3)
    assert report.passed, report.sentence
    assert "16 rows: p50" in check(report, "latency").found


def test_both_are_timed_in_turns_where_there_is_room_for_one(tmp_path: Path) -> None:
    report = fly(tmp_path, A_MODEL + A_MODEL // 2, latency_ratio=3)
    assert report.passed, report.sentence
    assert check(report, "latency").found.count("stable p50") == 2


def test_a_model_that_fits_but_for_preflight_itself(tmp_path: Path) -> None:
    report = fly(tmp_path, A_MODEL // 2)
    found = check(report, "memory")
    assert found.verdict is Verdict.FAIL
    assert found.message.startswith("the model, and preflight beside it, need more than the ")
    assert "raise the memory limit" in report.sentence
