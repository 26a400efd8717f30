"""The benchmark's tables, for people. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.rollback.results import Cell, Results, Round, median_and_worst


@dataclass(frozen=True)
class Bound:
    """The longest that another tool takes by its documentation, at settings; seconds, without its metrics' window."""

    tool: str
    settings: str
    formula: str
    seconds: float
    window: float
    """Seconds over which its metrics are usually taken, which come on top."""


BOUNDS = (
    Bound("Flagger", "interval 1m, threshold 5, as in its documentation", "(threshold + 1) x interval", 360, 60),
    Bound("Flagger", "interval 1m, threshold 1, its default", "(threshold + 1) x interval", 120, 60),
    Bound("Flagger", "interval 10s, the least it allows, threshold 1", "(threshold + 1) x interval", 20, 60),
    Bound("Argo Rollouts", "interval 1m, failureLimit 3", "(failureLimit + 1) x interval", 240, 60),
    Bound("Argo Rollouts", "interval 1m, failureLimit 0, its default", "(failureLimit + 1) x interval", 60, 60),
    Bound("Argo Rollouts", "interval 10s, failureLimit 0", "(failureLimit + 1) x interval", 10, 60),
)


def line(cell: str, number: int, found: Round) -> str:
    """Return a rollback as it comes, for the terminal."""
    return (
        f"{cell:44s} {number:3d}: decided {found.decided:5.2f} s, written {found.written:5.2f} s, applied"
        f" {found.applied:5.2f} s, last bad answer {found.last:5.2f} s, {found.bad} bad, {found.failed} failed"
        f" elsewhere, load {found.load:.1f}"
    )


def title(cell: Cell) -> str:
    """Return what a cell is called."""
    return f"{cell.harm}, {cell.weight} % of {cell.rps:.0f} requests/s"


def markdown(found: Results, *, whole: bool = True) -> str:
    """Return the report; it says so when the run was not a whole one."""
    note = "" if whole else " **A short run: not for quoting.**"
    rounds = [one for cell in found.cells for one in cell.rounds]
    loads = median_and_worst(one.load for one in rounds)
    parts = [
        "# Rollbacks, timed on a real cluster",
        f"Written by `make bench-rollback`; do not edit.{note} Ran on {found.machine}. Besides it: {found.neighbours};"
        f" the load average was {loads[0]:.1f} (median) and {loads[1]:.1f} (most).",
        "A model serves users through the cluster's gateway (Envoy Gateway), at a steady rate whether or not they are"
        " answered. A bad version is rolled out, again and again, each time as a new revision with pods of its own. The"
        " policy is the default one but for its one step, and for a preflight that would let neither candidate pass."
        " **Time runs from the first bad answer that a user got.** *Weight 0* is when the HTTPRoute without the"
        " candidate was seen by a watch of the API server; *last bad answer* is when the last of them had come.",
        "![chart](rollback.svg)",
        _main_table(found),
        _elsewhere(rounds),
        "## Where the time goes",
        "Seconds of each part, median (worst). Evidence: from the first bad answer to the decision in the API server;"
        " there is a look every 2 s, and every second once something speaks against the candidate. Then the route is"
        f" written, and the gateway applies it: that is when the last of {found.probes:.0f} probes a second went to the"
        " candidate, known to some hundredths of a second at a weight of 50 and to some tenths at 10. What came out of"
        " order counts as 0.",
        _parts(found),
        "## Beside others",
        "The longest that others take **by their documentation and code; bounds, not measured here**, and at the same"
        " requests the bad answers that their users get in that time. A bound is what a candidate that fails every"
        " request costs at worst. What their metrics are taken over (commonly the last minute) comes on top, where less"
        " than a minute of failures does not show.",
        _beside(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _main_table(found: Results) -> str:
    heads = ["what is bad", "rollbacks", "weight 0, s: median", "worst", "last bad answer, s: median", "worst"]
    rows = []
    for cell in found.cells:
        written = median_and_worst(one.written for one in cell.rounds)
        last = median_and_worst(one.last for one in cell.rounds)
        bad = median_and_worst(one.bad for one in cell.rounds)
        times = [f"{seconds:.1f}" for seconds in (*written, *last)]
        rows.append([title(cell), str(len(cell.rounds)), *times, *(f"{number:.0f}" for number in bad)])
    return _table([*heads, "bad answers: median", "worst"], rows)


def _elsewhere(rounds: Sequence[Round]) -> str:
    failed = sum(one.failed for one in rounds)
    return f"Requests that failed, but for the candidate's answers, in all {len(rounds)} rollbacks: **{failed}**."


def _parts(found: Results) -> str:
    rows = []
    for cell in found.cells:
        parts = (
            [one.decided for one in cell.rounds],
            [max(0.0, one.written - one.decided) for one in cell.rounds],
            [max(0.0, one.applied - one.written) for one in cell.rounds],
        )
        said = ["{:.2f} ({:.2f})".format(*median_and_worst(part)) for part in parts]
        rows.append([title(cell), *said])
    return _table(["", "evidence", "route written", "gateway applies it"], rows)


def _beside(found: Results) -> str:
    heads = ["", "settings", "bound", "s", "with a minute's window, s"]
    cells = [cell for cell in found.cells if cell.harm == found.cells[0].harm]
    rows = []
    for bound in BOUNDS:
        harmed = [f"{bound.seconds * cell.rps * cell.weight / 100:,.0f}" for cell in cells]
        rows.append([bound.tool, bound.settings, bound.formula, f"{bound.seconds:.0f}"])
        rows[-1] += [f"{bound.seconds + bound.window:.0f}", *harmed]
    for cell in cells[:1]:
        worst = median_and_worst(one.written for one in cell.rounds)[1]
        most = [f"{median_and_worst(one.bad for one in other.rounds)[1]:.0f}" for other in cells]
        rows.append(
            ["**Leadsman**", "the defaults", "**measured**, the worst", f"**{worst:.1f}**", "none is used", *most]
        )
    return _table([*heads, *(f"bad answers at {cell.weight} %" for cell in cells)], rows)


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
