"""What a run has found: all that the report, the chart and results.json are made of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.serving.measure import Cell, Plan, Start


@dataclass(frozen=True)
class Results:
    """`versions` are of each subject's package, `titles` and `settings` what the report calls it and says of it.

    `payloads` are in the order in which they were measured, with the microseconds that ONNX Runtime takes alone.
    """

    machine: str
    versions: Mapping[str, str]
    titles: Mapping[str, str]
    settings: Mapping[str, str]
    payloads: Mapping[str, float]
    plan: Plan
    cells: Sequence[Cell]
    starts: Sequence[Start]
    choices: Sequence[Cell] = ()

    def cell(self, subject: str, payload: str, connections: int) -> Cell | None:
        """Return a cell with figures, None where there is none."""
        for cell in self.cells:
            if (cell.subject, cell.payload, cell.connections) == (subject, payload, connections) and not cell.failure:
                return cell
        return None

    def start(self, subject: str, model: str) -> Start | None:
        """Return how a server started with a model."""
        return next((one for one in self.starts if (one.subject, one.model) == (subject, model)), None)

    @property
    def subjects(self) -> list[str]:
        """The servers that were measured, by their keys."""
        return list(self.titles)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
