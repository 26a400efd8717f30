"""`make bench-rollback`: how long a bad version stays with users, on the local cluster. Writes beside this file.

python -m benchmarks.rollback.run [--rounds N] [--neighbours "what else runs"] [--out DIRECTORY]
"""

import argparse
import tempfile
from pathlib import Path
from uuid import uuid4

from benchmarks.rollback import chart, report
from benchmarks.rollback.candidates import write_slow
from benchmarks.rollback.results import Cell, Results, Round
from benchmarks.rollback.trial import PROBES, trial
from benchmarks.serving import machine
from support.store import model_store, write_misfit

_CELLS = (
    ("every request fails", "misfit.onnx", 10, 20.0, 20),
    ("every request fails", "misfit.onnx", 50, 20.0, 20),
    ("every answer is slow", "slow.onnx", 10, 20.0, 7),
)
_MOST = max(rounds for *_, rounds in _CELLS)


def main() -> None:
    """Measure, print, and write README.md, results.json and the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=_MOST, help="The most rollbacks of a kind.")
    parser.add_argument("--neighbours", default="nothing of note", help="What else runs here, for the report.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="Where to write.")
    options = parser.parse_args()
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="bench-rollback-") as directory:
        files = [write_misfit(Path(directory) / "misfit.onnx"), write_slow(Path(directory) / "slow.onnx")]
        with model_store(f"bench-store-{uuid4().hex[:6]}", *files) as store:
            for harm, file, weight, rps, rounds in _CELLS:
                cells.append(_measure(store, harm, file, weight, rps, min(rounds, options.rounds)))
                # After each: a run of half an hour that breaks off has found something all the same.
                found = Results(machine.describe(), options.neighbours, PROBES, cells)
                _write(found, options.out, whole=options.rounds >= _MOST and len(cells) == len(_CELLS))


def _write(found: Results, directory: Path, *, whole: bool) -> None:
    found.write(directory / "results.json")
    (directory / "README.md").write_text(report.markdown(found, whole=whole))
    chart.draw(found, directory / "rollback.svg")


def _measure(store: str, harm: str, file: str, weight: int, rps: float, rounds: int) -> Cell:
    found: list[Round] = []
    with trial(f"bench-{uuid4().hex[:6]}", store, weight, rps) as running:
        for number in range(1, rounds + 1):
            found.append(running.roll_back(file, f"bad-{number}"))
            print(report.line(report.title(Cell(harm, weight, rps, found)), number, found[-1]), flush=True)
    return Cell(harm, weight, rps, found)


if __name__ == "__main__":
    main()
