"""What the control groups of this process let it use: the limits of its container, on Linux.

Both versions are read, at all levels from the process's own group up, since the least of them counts. A process in a
container may see its own group as the top and still read its path from outside; a level that is not there is no limit.
A file that cannot be read, or says something else than the kernel documents, is no limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_VERSION_2 = ""  # /proc/self/cgroup names no controllers in the line of version 2


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Where the kernel tells: `top` is where hierarchies are mounted, `membership` says the groups of the process."""

    top: Path = Path("/sys/fs/cgroup")
    membership: Path = Path("/proc/self/cgroup")

    def cpus(self) -> float | None:
        """Return how many CPUs' time this process may use, such as 0.5; None without a limit."""
        quotas = [_numbers(level, "cpu.max") for level in self._levels(_VERSION_2)]
        quotas += [_numbers(level, "cpu.cfs_quota_us", "cpu.cfs_period_us") for level in self._levels("cpu")]
        return min((quota[0] / quota[1] for quota in quotas if len(quota) == 2), default=None)

    def memory(self) -> int | None:
        """Return how many bytes of memory this process may use; None without a limit."""
        limits = [_numbers(level, "memory.max") for level in self._levels(_VERSION_2)]
        limits += [_numbers(level, "memory.limit_in_bytes") for level in self._levels("memory")]
        return min((limit[0] for limit in limits if len(limit) == 1), default=None)

    def _levels(self, controller: str) -> Iterator[Path]:
        own = _own_group(_read(self.membership), controller)
        return (self.top / controller / level for level in (own, *own.parents))


def _own_group(membership: str, controller: str) -> PurePosixPath:
    """Return the path of the group below the controller's top; the top itself when it is not told."""
    for line in membership.splitlines():
        names, _, path = line.partition(":")[2].partition(":")
        if controller in names.split(","):
            # A group beside or above the top of a container begins with "..".
            return PurePosixPath(*(part for part in path.split("/") if part not in ("", "..")))
    return PurePosixPath()


def _numbers(level: Path, *files: str) -> list[int]:
    """Return the numbers in the files, none unless all of it is numbers above zero; "max" and -1 are no limit."""
    words = [word for file in files for word in _read(level / file).split()]
    return [int(word) for word in words] if all(word.isdecimal() and int(word) > 0 for word in words) else []


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
