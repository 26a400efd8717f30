"""Time that runs out: what the model itself takes too long for rejects it, what all of preflight does says nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from leadsman_package.errors import PackageError
from leadsman_serving.preflight.files import Source
from leadsman_serving.preflight.measured import Demands
from leadsman_serving.preflight.report import Report, Verdict
from leadsman_serving.preflight.run import Flight, preflight
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.trial import Runtime
from serving import models
from serving.preflight.packages import package, scores
from serving.preflight.proving import prove

RUNTIME = Runtime(1, ("cpu",), None, None, most_rows=16, most_bytes=1 << 20)
_WITHOUT_END = {"inputs": [{"name": "turns", "datatype": "INT64", "shape": [], "data": [2**60]}]}
_ANY = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [0.0]}]}


def endless(directory: Path) -> Path:
    """A package with a golden request that the model never answers."""
    return package(directory, models.spin(), {"long": _WITHOUT_END}, answers={"long": _ANY})


@dataclass
class Clock:
    """Stands still, until it is past all deadlines once preflight says that it does something."""

    doing: str
    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def hear(self, sentence: str) -> None:
        if sentence == self.doing:
            self.now = 1000.0


def fly(
    tmp_path: Path, runtime: Runtime, left: TimeLeft, say: Callable[[str], None], model: Path | None = None
) -> Report:
    candidate = Source(str(model or package(tmp_path / "one", scores())))
    other = Source(str(package(tmp_path / "other", scores(2.0))))
    return preflight(Flight(candidate, other, None, Demands(), runtime, tmp_path), left, say)


@pytest.mark.parametrize(
    ("doing", "who"),
    [
        ("running the model", "the model"),
        ("running the stable model", "the stable model"),
        ("timing runs", "the model"),
    ],
)
def test_the_deadline_passes(doing: str, who: str, tmp_path: Path) -> None:
    clock = Clock(doing)
    with pytest.raises(PackageError, match=f"time for preflight was over before {who} was done") as raised:
        fly(tmp_path, RUNTIME, TimeLeft(100.0, clock), clock.hear)
    assert raised.value.transient


@pytest.mark.parametrize("stable", [False, True])
def test_a_deadline_that_passes_is_no_rejection(stable: bool, tmp_path: Path) -> None:
    """Whoever of the two it is that takes so long."""
    good, long = package(tmp_path / "good", scores()), endless(tmp_path / "long")
    pair = (good, "--against", long) if stable else (long, "--against", good)
    proof = prove(tmp_path, *pair, "--deadline", "10")
    assert proof.code == 75, proof.said
    who = "the stable model" if stable else "the model"
    assert f"the time for preflight was over before {who} was done" in proof.last_word["transient"]


def _failed(report: Report) -> dict[str, str]:
    return {check.name: check.message for check in report.checks if check.verdict is Verdict.FAIL}


def test_a_request_that_takes_longer_than_the_server_would_wait(tmp_path: Path) -> None:
    runtime = replace(RUNTIME, request_seconds=0.5)
    long = endless(tmp_path / "long")
    failed = _failed(fly(tmp_path, runtime, TimeLeft(60.0, lambda: 0.0), lambda _: None, long))
    assert "request samples/long.json: the model had no answer within the 0.5 s that it had" in failed["golden"]


def test_loading_that_takes_longer_than_it_may(tmp_path: Path) -> None:
    runtime = replace(RUNTIME, load_seconds=0.01)
    failed = _failed(fly(tmp_path, runtime, TimeLeft(60.0, lambda: 0.0), lambda _: None))
    assert failed["load"].startswith("the model was not done within 10 ms")
