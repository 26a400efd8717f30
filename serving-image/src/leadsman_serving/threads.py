"""How many threads to compute with. Pure."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Threads:
    """A number of threads, and why that many, for people."""

    count: int
    reason: str


def choose_threads(asked: int | None, limit: float | None, cpus: int) -> Threads:
    """Return the threads asked for; else as many as keep busy the `limit` of CPUs' time, on at most `cpus` CPUs.

    More threads than the limit would be stopped together for the rest of each period once they have used it up.
    """
    if asked is not None:
        return Threads(asked, "as asked for")
    if limit is not None and limit < cpus:
        return Threads(ceil(limit), f"the CPU limit is {limit:g}")
    return Threads(cpus, "one for each CPU that the process may run on")
