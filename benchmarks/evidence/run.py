"""`make bench-evidence`: what the engine promises, over thousands of simulated rollouts. Writes beside this file.

python -m benchmarks.evidence.run [--runs 2000] [--out DIRECTORY]
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from math import log
from pathlib import Path

from benchmarks.evidence import chart, cost, report
from benchmarks.evidence.cells import BASE, Cell, detection_cells, long_cells, null_cells, table_cells
from benchmarks.evidence.results import ALPHA, Result
from leadsman.cli.workers import spread
from leadsman.simulation import LEADSMAN, RIVALS, Study, Summary, harm, simulate, summarise


def results(cell: Cell, seed: int, floor: float | None = None) -> list[Result]:
    """Run a cell."""
    began = time.monotonic()
    outcomes = simulate(Study(cell.policy, cell.world, seed, cell.rivals), cell.runs, spread)
    kind = harm(cell.policy, cell.world)
    taken = time.monotonic() - began
    return [
        _result(cell, cell.kind if tool == LEADSMAN else tool, summarise(outcomes[tool], kind), floor, taken)
        for tool in (LEADSMAN, *RIVALS)
        if tool in outcomes
    ]


def _result(cell: Cell, tool: str, found: Summary, floor: float | None, taken: float) -> Result:
    seconds = found.seconds_to_verdict
    return Result(
        cell=cell.name,
        tool=tool,
        runs=found.runs,
        false_rollbacks=found.false_rollback_rate,
        wrong_promotions=found.wrong_promotion_rate,
        rolled_back=found.rolled_back / found.runs,
        promoted=found.promoted / found.runs,
        median_seconds=seconds[1] if seconds else None,
        p90_seconds=seconds[2] if seconds else None,
        median_bad=found.bad_responses[1],
        floor=floor,
        seconds_taken=round(taken, 1),
    )


def wald_seconds(cell: Cell) -> float:
    """Wald's floor: `ln(1/alpha) / KL(candidate || stable)` requests of the candidate, at the first step's weight."""
    p = min(cell.world.candidate.errors, 1 - 1e-12)
    divergence = p * log(p / BASE) + (1 - p) * log((1 - p) / (1 - BASE))
    return log(1 / ALPHA) / divergence / (cell.world.rps * (cell.policy.steps[0].weight or 100) / 100)


def machine() -> str:
    """Describe what the benchmark ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}"


def main() -> None:
    """Run everything and write table and chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="runs of each cell of the guarantee")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=20261121)
    options = parser.parse_args()
    found: dict[str, list[Result]] = {"table": [], "guarantee": [], "long": [], "detection": []}
    quarter = max(1, options.runs // 4)
    groups = {
        "table": table_cells(max(1, options.runs // 2)),
        "guarantee": null_cells(options.runs),
        "long": long_cells(quarter),
        "detection": detection_cells(quarter),
    }
    for group, cells in groups.items():
        for cell in cells:
            floor = wald_seconds(cell) if group == "detection" else None
            rows = results(cell, options.seed, floor)
            found[group] += rows
            print(report.line(rows), flush=True)
    looks = cost.measure()
    figures = {
        "machine": machine(),
        "cost_ms": looks,
        **{name: [asdict(r) for r in rows] for name, rows in found.items()},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(figures, indent=1) + "\n")
    (options.out / "README.md").write_text(report.markdown(found, looks, machine(), options.runs))
    chart.draw(found, options.out / "evidence.svg")
    print(f"wrote README.md, results.json and evidence.svg to {options.out}")


if __name__ == "__main__":
    main()
