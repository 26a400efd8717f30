"""What the benchmark ran on."""

import os
import platform
from pathlib import Path


def two_cores() -> tuple[int, int]:
    """Return the core for the servers and that for the load generator; not two threads of one core, if that can be had.

    Raises SystemExit when this process may use only one.
    """
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise SystemExit("bench-serving needs two cores, one for the server and one for the load; this process has one")
    first, *others = mine
    siblings = _siblings(first)
    return first, next((core for core in others if core not in siblings), others[0])


def describe() -> str:
    """Describe the machine in a sentence's part."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({_processor()}, {platform.machine()}{_virtual()}), {memory:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def _siblings(core: int) -> set[int]:
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    found: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return found


def _cpuinfo() -> dict[str, str]:
    pairs = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _processor() -> str:
    return _cpuinfo().get("model name", "unknown processor")


def _virtual() -> str:
    return ", virtual" if "hypervisor" in _cpuinfo().get("flags", "").split() else ""
