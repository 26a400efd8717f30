"""How much memory there is to use."""

import os
from pathlib import Path

import pytest

from leadsman_serving.memory import available
from serving.test_cgroup import V1, V2, cgroups

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
LIMITS: dict[str, tuple[str, dict[str, str], int]] = {
    "no container": ("", {}, MACHINE),
    "a container with less": (V2, {"memory.max": "536870912\n"}, 512 << 20),
    "a container without a limit": (V1, {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_containers_limit_counts_and_not_the_machines(case: str, tmp_path: Path) -> None:
    membership, files, expected = LIMITS[case]
    assert available(cgroups(tmp_path, membership, files)) == expected
