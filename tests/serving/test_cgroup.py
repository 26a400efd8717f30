"""The limits of the process's control groups: CPUs' time and memory, as the kernel writes them."""

from pathlib import Path

import pytest

from leadsman_serving.cgroup import Cgroups

V2 = "0::/\n"
V1 = "9:memory:/\n4:cpu,cpuacct:/\n1:name=systemd:/\n"
NESTED = "0::/kubepods/pod1/c1\n"
OUTSIDE = "9:memory:/docker/c1\n4:cpu,cpuacct:/docker/c1\n0::/system.slice\n"
QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"

CPUS: dict[str, tuple[str, dict[str, str], float | None]] = {
    "no control groups at all": ("", {}, None),
    "version 2": (V2, {"cpu.max": "200000 100000\n"}, 2),
    "version 2, half a CPU": (V2, {"cpu.max": "50000 100000\n"}, 0.5),
    "version 2, two and a half, of another period": (V2, {"cpu.max": "25000 10000\n"}, 2.5),
    "version 2 without a limit": (V2, {"cpu.max": "max 100000\n"}, None),
    "version 1": (V1, {f"cpu/{QUOTA}": "200000\n", f"cpu/{PERIOD}": "100000\n"}, 2),
    "version 1, half a CPU": (V1, {f"cpu/{QUOTA}": "50000\n", f"cpu/{PERIOD}": "100000\n"}, 0.5),
    "version 1 without a limit": (V1, {f"cpu/{QUOTA}": "-1\n", f"cpu/{PERIOD}": "100000\n"}, None),
    "the least level counts, the process's own": (
        NESTED,
        {"kubepods/cpu.max": "400000 100000", "kubepods/pod1/c1/cpu.max": "150000 100000"},
        1.5,
    ),
    "the least level counts, the pod's": (
        NESTED,
        {"kubepods/pod1/cpu.max": "100000 100000", "kubepods/pod1/c1/cpu.max": "max 100000"},
        1,
    ),
    "other groups do not count": (NESTED, {"kubepods/pod2/cpu.max": "100000 100000"}, None),
    "a path from outside of the container": (OUTSIDE, {f"cpu/{QUOTA}": "300000", f"cpu/{PERIOD}": "100000"}, 3),
    "a path beside the container's top": ("0::/../c2\n", {"c2/cpu.max": "100000 100000"}, 1),
    "nothing says which group, so that the top counts": ("", {"cpu.max": "100000 100000"}, 1),
    "an empty file": (V2, {"cpu.max": ""}, None),
    "a word too few": (V2, {"cpu.max": "100000"}, None),
    "a word too many": (V2, {"cpu.max": "100000 100000 1"}, None),
    "no number": (V2, {"cpu.max": "lots 100000"}, None),
    "a period of zero": (V2, {"cpu.max": "100000 0"}, None),
    "a quota without a period": (V1, {f"cpu/{QUOTA}": "100000"}, None),
    "groups that nobody can read": ("?\n::\n", {"cpu.max": "100000 100000"}, 1),
}
MEMORY: dict[str, tuple[str, dict[str, str], int | None]] = {
    "no control groups at all": ("", {}, None),
    "version 2": (V2, {"memory.max": "536870912\n"}, 512 << 20),
    "version 2 without a limit": (V2, {"memory.max": "max\n"}, None),
    "version 1": (V1, {"memory/memory.limit_in_bytes": "536870912\n"}, 512 << 20),
    "version 1, a path from outside": (OUTSIDE, {"memory/memory.limit_in_bytes": "536870912\n"}, 512 << 20),
    "the least level counts": (
        NESTED,
        {"kubepods/pod1/memory.max": "1048576", "kubepods/memory.max": "2097152"},
        1 << 20,
    ),
    "an empty file": (V2, {"memory.max": ""}, None),
    "no number": (V2, {"memory.max": "1G"}, None),
}


def cgroups(directory: Path, membership: str, files: dict[str, str]) -> Cgroups:
    """A hierarchy of these files, and the process in it."""
    (directory / "membership").write_text(membership)
    for name, text in files.items():
        path = directory / "top" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Cgroups(directory / "top", directory / "membership")


@pytest.mark.parametrize("case", CPUS)
def test_cpus(case: str, tmp_path: Path) -> None:
    membership, files, expected = CPUS[case]
    assert cgroups(tmp_path, membership, files).cpus() == expected


@pytest.mark.parametrize("case", MEMORY)
def test_memory(case: str, tmp_path: Path) -> None:
    membership, files, expected = MEMORY[case]
    assert cgroups(tmp_path, membership, files).memory() == expected


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_bytes(b"\xff\xfe")
    assert Cgroups(tmp_path, tmp_path / "cpu.max").cpus() is None
