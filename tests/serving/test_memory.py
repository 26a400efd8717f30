"""How much memory there is to use."""

import os
from pathlib import Path

import pytest

from leadsman_serving.memory import available

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
LIMITS: dict[str, tuple[dict[str, str], int]] = {
    "no container": ({}, MACHINE),
    "cgroup 2": ({"v2": "536870912\n"}, 512 << 20),
    "cgroup 2 without a limit": ({"v2": "max\n"}, MACHINE),
    "cgroup 1": ({"v1": "536870912\n"}, 512 << 20),
    "cgroup 1 without a limit": ({"v1": "9223372036854771712\n"}, MACHINE),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_containers_limit_counts_and_not_the_machines(case: str, tmp_path: Path) -> None:
    files, expected = LIMITS[case]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert available((tmp_path / "v2", tmp_path / "v1")) == expected
