"""How these commands draw: tables without lines, bars, moments and durations."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import StringIO

from rich.console import Console
from rich.table import Table

from leadsman.cli.plain import plain

_BAR = 10
_WIDTH = 1000
"""Nobody is asked for the width of a terminal: a line that is cut off says nothing."""


def aligned(rows: Iterable[Sequence[str]], right: Sequence[int] = (), headings: Sequence[str] = ()) -> list[str]:
    """Return rows as lines in columns; `right` are the numbers of those that end at the right. No rows are no lines."""
    rows = [[plain(cell) for cell in row] for row in rows]
    if not rows:
        return []
    table = Table(box=None, pad_edge=False, show_header=bool(headings), padding=(0, 2, 0, 0))
    for number in range(max(len(row) for row in rows)):
        heading = headings[number] if headings else ""
        table.add_column(heading, justify="right" if number in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out = StringIO()
    Console(file=out, width=_WIDTH, highlight=False, color_system=None, markup=False, emoji=False).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def bar(share: float) -> str:
    """Return a share of one as a bar; a full one is full, and nothing less."""
    full = math.floor(min(max(share, 0.0), 1.0) * _BAR)
    return "█" * full + "░" * (_BAR - full)


def moment(at: datetime | None) -> str:
    """Return a moment, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at else ""
