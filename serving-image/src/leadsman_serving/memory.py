"""How much memory this process may have, and how much of it a model."""

import os
from functools import cache
from pathlib import Path

import onnxruntime as ort

from leadsman_serving.cgroup import Cgroups

_SAME_AS_REQUESTED = 1  # instead of the next power of two, of which up to half would never be used
_DEFAULT = -1


@cache
def bound_arena() -> None:
    """Have sessions that use the environment's allocators take at most the memory that is left, all of them together.

    Linux lends more than there is and kills whoever uses it; a container's node is set to lend without any bound. With
    this, a run that asks for too much fails instead, and the next one does not.
    """
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    config = {
        "max_mem": max(1, available(Cgroups()) - _resident()),
        "arena_extend_strategy": _SAME_AS_REQUESTED,
        "initial_chunk_size_bytes": _DEFAULT,
        "max_dead_bytes_per_chunk": _DEFAULT,
    }
    ort.create_and_register_allocator(info, ort.OrtArenaCfg(config))


def available(cgroups: Cgroups) -> int:
    """Return the bytes of memory that this machine has, or fewer if the process's control groups say so."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(machine, cgroups.memory() or machine)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
