"""The benchmark's table, for people."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One way to get the model from a place: seconds (median, least, most), those of a CPU, the most MiB of memory."""

    place: str
    way: str
    seconds: float
    least: float
    most: float
    cpu: float
    mib: float


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table."""
    lines = ["| from | by | s (median; least to most) | s of a CPU | peak MiB |", "|---|---|---|---|---|"]
    for row in rows:
        times = f"{row.seconds:.1f}; {row.least:.1f} to {row.most:.1f}"
        lines.append(f"| {row.place} | {row.way} | {times} | {row.cpu:.1f} | {row.mib:.0f} |")
    return lines


def markdown(rows: Sequence[Row], size: int, rounds: int, machine: str) -> str:
    """Return the report."""
    return "\n".join(
        [
            "# Fetching, measured",
            "",
            f"Written by `make bench-fetching`; do not edit. A model with weights of {size / 2**30:.0f} GiB, random"
            f" bytes, {rounds} rounds, on {machine}. Server and client share the machine, and the source is in its page"
            " cache.",
            "",
            *table(rows),
            "",
            "`fetch` is `leadsman-serving fetch`: Python's start, the sha256 of every byte, and the disk told to keep"
            " it. All times are up to when the file system is on disk. `fetch, 4 files` is the same weights in four"
            " files, which are fetched at once. Memory is the process's (of `cp and sha256sum` the shell's), not the"
            " page cache.",
            "",
        ]
    )
