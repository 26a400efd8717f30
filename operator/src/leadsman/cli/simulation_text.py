"""What people read after a simulation: a table, and the course of some runs drawn in characters."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadsman.core.evidence.message import spoken
from leadsman.simulation import End, Harm, Outcome, Study, Summary, Trajectory

_COLUMNS = 34
_BLOCKS = "▁▂▃▄▅▆▇█"
_COPIES = "░"
_NOTHING = "·"
_COLOURS = {End.PROMOTED: "green", End.ROLLED_BACK: "red", End.HELD: "yellow"}
_NAMES = {"leadsman": "Leadsman", "flagger": "Flagger", "argo": "Argo Rollouts"}
_STANDING = {
    Harm.NONE: "The candidate is no worse than stable: every rollback is a mistake.",
    Harm.TOLERABLE: "The candidate is worse than stable, but the policy tolerates it: no verdict is a mistake.",
    Harm.INTOLERABLE: "The candidate is worse than is tolerated: every promotion is a mistake.",
}


def show(name: str, study: Study, summaries: Mapping[str, Summary], trajectories: Sequence[Trajectory]) -> None:
    """Print the table, a column per tool, and a line per trajectory."""
    console = Console(highlight=False)
    scenario, first = study.scenario, next(iter(summaries.values()))
    console.print(
        f"{name}: {first.runs:,} rollouts of at most {scenario.hours:g} h at {scenario.rps:g} rps, seed {study.seed}",
        style="bold",
    )
    console.print(_table(summaries))
    console.print(_STANDING[first.harm])
    console.print()
    for line in _lines(trajectories):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _table(summaries: Mapping[str, Summary]) -> Table:
    table = Table()
    table.add_column("")
    for tool in summaries:
        table.add_column(_NAMES[tool], justify="right")
    rows = [list(_cells(summary)) for summary in summaries.values()]
    for cells in zip(*rows, strict=True):
        table.add_row(cells[0][0], *(text for _, text in cells))
    return table


def _cells(summary: Summary) -> Iterator[tuple[str, str]]:
    """The rows of one column, each with its title."""
    runs, harmless, harmful = summary.runs, summary.harm is Harm.NONE, summary.harm is Harm.INTOLERABLE
    yield "promoted", f"{summary.promoted / runs:.1%}"
    yield "rolled back", f"{summary.rolled_back / runs:.1%}"
    yield "held to the end", f"{summary.held / runs:.1%}"
    yield "false rollbacks", f"{summary.false_rollback_rate:.1%}" if harmless else "-"
    yield "wrong promotions", f"{summary.wrong_promotion_rate:.1%}" if harmful else "-"
    yield "misses", f"{summary.miss_rate:.1%}" if harmful else "-"
    if summary.seconds_to_verdict is None:
        yield "time to verdict, median", "-"
        yield "  10 %..90 % of runs", "-"
    else:
        low, median, high = map(spoken, summary.seconds_to_verdict)
        yield "time to verdict, median", median
        yield "  10 %..90 % of runs", f"{low}..{high}"
    low, median, high = (f"{count:,.0f}" for count in summary.bad_responses)
    yield "bad responses served, median", median
    yield "  10 %..90 % of runs", f"{low}..{high}"


def _lines(trajectories: Sequence[Trajectory]) -> Iterator[Text]:
    longest = max(trajectory.outcome.seconds for trajectory in trajectories)
    for trajectory in trajectories:
        outcome = trajectory.outcome
        line = Text(f"run {trajectory.number:<5}")
        line.append(_course(trajectory, longest), style=_COLOURS[outcome.end])
        line.append(f" {_ending(outcome)}")
        yield line
    yield Text(
        f"{'':9}{_COPIES} copies only  {_BLOCKS} share of requests  {_NOTHING} none; "
        f"a column is {spoken(longest / _COLUMNS)}",
        style="dim",
    )


def _course(trajectory: Trajectory, longest: float) -> str:
    """Return what the candidate gets, a character per column of time."""
    return "".join(_character(trajectory, (column + 0.5) / _COLUMNS * longest) for column in range(_COLUMNS))


def _character(trajectory: Trajectory, seconds: float) -> str:
    outcome = trajectory.outcome
    if seconds >= outcome.seconds and outcome.end is not End.HELD:
        return _BLOCKS[-1] if outcome.end is End.PROMOTED else _NOTHING
    exposure = [exposure for since, exposure in trajectory.exposures if since <= seconds][-1]
    return _COPIES if exposure.shadow else _BLOCKS[int(exposure.weight * len(_BLOCKS))]


def _ending(outcome: Outcome) -> str:
    how = "held for" if outcome.end is End.HELD else f"{outcome.end} after"
    return f"{how} {spoken(outcome.seconds)}, {outcome.bad_responses:,} bad"
