"""The benchmark's tables, for people."""

from collections.abc import Mapping, Sequence

from benchmarks.evidence.cells import CLUMPS, RATES, WITH_OBJECTIVE
from benchmarks.evidence.results import Result
from leadsman.simulation import LEADSMAN

# The design's figures: what each cell is to be no worse than.
TO_BEAT = {
    "healthy, 0.05 rps": "0 rolled back",
    "healthy, 2 rps": "0.3 % rolled back",
    "5 % errors, 0.2 rps": "0 promoted",
    "100 % errors, 2 rps": "0.3 min, 4 bad",
    "100 % errors, 2 rps, shadow": "0.2 min, 0 bad",
    "5 % errors, 20 rps": "1.0 min",
    "5 % errors, 20 rps, shadow": "0.3 min",
    "outage of both, 20 rps": "0.4 % rolled back",
}


def line(rows: Sequence[Result]) -> str:
    """Return a cell's result as it comes, for the terminal."""
    return f"{rows[0].cell:45s} " + "   ".join(f"{one.tool}: {_ends(one)}" for one in rows)


def markdown(found: Mapping[str, Sequence[Result]], cost: Mapping[str, float], machine: str, runs: int) -> str:
    """Return the report."""
    parts = [
        "# Evidence: what is promised, measured",
        "Written by `make bench-evidence`; do not edit. Simulated by `leadsman.simulation`, which runs the operator's "
        f"own engine and state machine. Ran on {machine}.",
        "Base error rate 0.5 %, a look every 10 s, steps 10, 30, 50 % of at least 5 minutes, budget 1 %, "
        "objective (where there is one) 0.5 %, a day of the stable revision's past.",
        "![chart](evidence.svg)",
        "## The design's table\n" + _table(found["table"]),
        "## False rollbacks of a healthy candidate\n"
        f"Share of {runs:,} runs of an hour; the budget is 1 %, and three standard deviations of it are "
        f"{100 * found['guarantee'][0].error:.2f} points.\n" + _guarantee(found["guarantee"]),
        "## A day of 8,640 looks\n" + _plain(found["long"]),
        "## Time to detection, against Wald's floor\n"
        "The floor is ln(1/alpha) / KL requests of the candidate: no test can do better in the mean. A look "
        "every second, with objective.\n" + _detection(found["detection"]),
        "## The cost of a look\nTwenty checks, counting and judging, median: "
        + ", ".join(f"{ms:.2f} ms at {rps} rps" for rps, ms in cost.items())
        + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Result]) -> str:
    tools = ("flagger", "argo", LEADSMAN, WITH_OBJECTIVE)
    cells: dict[str, dict[str, Result]] = {}
    for row in rows:
        cells.setdefault(row.cell, {})[row.tool] = row
    lines = ["| | Flagger | Argo Rollouts | Leadsman | Leadsman, with objective | to beat |", "|---" * 6 + "|"]
    for cell, found in cells.items():
        said = [_ends(found[tool]) if tool in found else "-" for tool in tools]
        lines.append(f"| {cell} | {' | '.join(said)} | {TO_BEAT[cell]} |")
    return "\n".join(lines)


def _guarantee(rows: Sequence[Result]) -> str:
    share = {row.cell: row.false_rollbacks for row in rows}
    lines = ["| | " + " | ".join(f"clumps of {clump}" for clump in CLUMPS) + " |", "|---" * (len(CLUMPS) + 1) + "|"]
    for kind in ("two-sample", WITH_OBJECTIVE):
        for rps in RATES:
            cells = [share[f"{kind}, {rps:g} rps, clumps of {clump}"] for clump in CLUMPS]
            lines.append(f"| {kind}, {rps:g} rps | " + " | ".join(f"{100 * cell:.2f} %" for cell in cells) + " |")
    return "\n".join(lines)


def _plain(rows: Sequence[Result]) -> str:
    lines = ["| | runs | rolled back | promoted |", "|---|---|---|---|"]
    lines += [f"| {r.cell} | {r.runs} | {100 * r.rolled_back:.2f} % | {100 * r.promoted:.0f} % |" for r in rows]
    return "\n".join(lines)


def _detection(rows: Sequence[Result]) -> str:
    lines = ["| | rolled back | median | p90 | bad responses | floor | median : floor |", "|---" * 7 + "|"]
    for r in rows:
        ratio = f"{r.median_seconds / r.floor:.1f}" if r.median_seconds and r.floor else "-"
        floor = f"{r.floor:.0f} s" if r.floor else "-"
        lines.append(
            f"| {r.cell} | {100 * r.rolled_back:.0f} % | {_seconds(r.median_seconds)} | {_seconds(r.p90_seconds)} | "
            f"{r.median_bad:.0f} | {floor} | {ratio} |"
        )
    return "\n".join(lines)


def _ends(row: Result) -> str:
    said = f"{_percent(row.rolled_back)} % rolled back, {_percent(row.promoted)} % promoted"
    if row.rolled_back > 0.5:
        said += f"; {_seconds(row.median_seconds)}, {row.median_bad:.0f} bad"
    return said


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.0f} s"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share in (0.0, 1.0) or share >= 0.1 else f"{100 * share:.1f}"
