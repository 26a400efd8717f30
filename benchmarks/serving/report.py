"""The benchmark's tables, for people."""

from benchmarks.serving.measure import Cell, Start


def line(cell: Cell) -> str:
    """Return a cell's result as it comes, for the terminal."""
    what = f"{cell.subject:14s} {cell.payload:20s} {cell.connections:4d} connections  "
    if cell.failure:
        return what + f"FAILED: {cell.failure}"
    return what + (
        f"{cell.per_second:8,.0f} req/s   p50 {cell.p50:8.2f} ms   p99 {cell.p99:8.2f} ms   "
        f"server {cell.server_busy:4.0%}, load {cell.generator_busy:4.0%} busy"
    )


def start_line(start: Start) -> str:
    """Return how a server started and what it weighs, for the terminal."""
    memory = start.memory
    return (
        f"{start.subject:14s} {start.model}: first answer after {start.median:.2f} s; "
        f"{memory.resident:.0f} MiB in {memory.processes} processes"
    )
