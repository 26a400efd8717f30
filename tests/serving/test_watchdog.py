"""A run that computes for too long is told to stop, and no other."""

import time

import pytest

from leadsman_serving.model import Stop
from leadsman_serving.watchdog import Watchdog, takes_too_long

SECONDS = 0.02


@pytest.mark.parametrize(
    ("what", "computed", "passed", "stopped"),
    [
        ("it has just begun", 0.0, 0.001, False),
        ("it is nearly done", 0.019, 0.019, False),
        ("it computes for too long", 0.02, 0.02, True),
        ("the container has used up its share of the CPU", 0.005, 0.1, False),
        ("it waits, and computes nothing", 0.0, 0.5, True),
    ],
)
def test_the_time_that_counts_is_spent_computing(what: str, computed: float, passed: float, stopped: bool) -> None:
    assert takes_too_long(computed, passed, SECONDS) is stopped, what


def compute_until_stopped(stop: Stop) -> None:
    deadline = time.monotonic() + 30
    while not stop.stopped:
        assert time.monotonic() < deadline, "nobody stopped it"


def test_only_the_run_that_takes_too_long_is_stopped() -> None:
    watchdog = Watchdog(SECONDS)
    for _ in range(3):
        with watchdog as long:
            compute_until_stopped(long)
        with watchdog as short:
            pass
        assert long.stopped
        assert short is not long
        assert not short.stopped
    time.sleep(3 * SECONDS)  # it has every occasion to be wrong about the last one
    assert not short.stopped
