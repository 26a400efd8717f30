"""How many threads a server computes with, and that it says why."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leadsman_serving.threads import choose_threads
from serving import models
from serving.process import serving

CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
HERE = len(os.sched_getaffinity(0))
EACH = "one for each CPU that the process may run on"

CASES: dict[str, tuple[int | None, float | None, int, int, str]] = {
    "the limit of the container": (None, 2, 64, 2, "the CPU limit is 2"),
    "half a CPU": (None, 0.5, 64, 1, "the CPU limit is 0.5"),
    "two CPUs and a half": (None, 2.5, 64, 3, "the CPU limit is 2.5"),
    "no limit": (None, None, 8, 8, EACH),
    "pinned to fewer CPUs than the limit": (None, 4, 1, 1, EACH),
    "as many as asked for": (7, 0.5, 1, 7, "as asked for"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rule(case: str) -> None:
    asked, limit, cpus, expected, reason = CASES[case]
    threads = choose_threads(asked, limit, cpus)
    assert (threads.count, threads.reason) == (expected, reason)


@contextmanager
def cpu_limit(quota: int) -> Iterator[None]:
    """Run with this quota, in microseconds of each 100,000; the limit is on the level above the process's own group."""
    outer = CPU_GROUPS / f"leadsman-test-{os.getpid()}"
    inner = outer / "inner"
    try:
        inner.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no control group of version 1 can be made here: {error}")
    try:
        (outer / "cpu.cfs_quota_us").write_text(str(quota))
        (inner / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        (CPU_GROUPS / "cgroup.procs").write_text(str(os.getpid()))
        inner.rmdir()
        outer.rmdir()


LIMITS = {
    "half a CPU": (50_000, 1, "the CPU limit is 0.5"),
    "more than there are": (100_000 * (HERE + 1), HERE, EACH),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_server_in_a_real_control_group(case: str, tmp_path: Path) -> None:
    quota, expected, reason = LIMITS[case]
    directory = models.save(models.lookup(), tmp_path)
    with cpu_limit(quota), serving(directory) as server:
        assert f"; threads: {expected} ({reason});" in server.log[-1]


def test_what_is_asked_for_wins(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--threads", "3") as server:
        assert "; threads: 3 (as asked for);" in server.log[-1]
