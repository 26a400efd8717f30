"""What a run has found: all that the report, the chart and results.json are made of."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Round:
    """One rollback; seconds since the first bad answer was with its user.

    `decided`: the decision was in the API. `written`: so was the route with weight 0. `applied`: the gateway let the
    last request through to the candidate. `last`: the last bad answer was with its user. `bad` such answers there were.
    `failed` are requests that failed elsewhere; `load` is the machine's load average.
    """

    decided: float
    written: float
    applied: float
    last: float
    bad: int
    failed: int
    load: float


@dataclass(frozen=True)
class Cell:
    """Rollbacks of one kind: what is bad, at which percent of how many requests a second."""

    harm: str
    weight: int
    rps: float
    rounds: Sequence[Round]


@dataclass(frozen=True)
class Results:
    """`neighbours` is what else ran on the machine."""

    machine: str
    neighbours: str
    probes: float
    cells: Sequence[Cell]

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def median_and_worst(values: Iterable[float]) -> tuple[float, float]:
    """What the report says of a time."""
    all_ = list(values)
    return statistics.median(all_), max(all_)
