"""What the demo prints: headlines, the live timeline, the final table. Plain lines where the output is no terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.figures import PhaseFigures, Rollback
from demo.timeline import Line
from demo.train import Model

_STYLES = {"decision": "bold cyan", "weights": "green", "condition": "blue", "standing": "dim", "demo": "bold"}
_WIDTH = 160


class Report:
    """Prints to the console and keeps a plain copy for the file."""

    def __init__(self, began: float) -> None:
        self.console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH, soft_wrap=True)
        self._copy = Console(file=None, record=True, highlight=False, width=_WIDTH, quiet=True)
        self._began = began
        self._kept: list[str] = []

    def phase(self, title: str) -> None:
        """Begin a part of the demo."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="dim"))
        self._kept.append(f"\n--- {title}")

    def line(self, line: Line) -> None:
        """Print a line of the timeline."""
        when = f"{line.at - self._began:6.1f} s"
        style = "bold red" if line.warning else _STYLES.get(line.kind, "")
        self.console.print(Text.assemble((when, "dim"), "  ", (f"{line.kind:<9}", style), "  ", line.text))
        self._kept.append(f"{when}  {line.kind:<9}  {line.text}")

    @contextmanager
    def live(self, standing: Callable[[], str]) -> Iterator[None]:
        """Show how things stand in the last line of a terminal, always up to date; elsewhere do nothing."""
        if not self.console.is_terminal:
            yield
            return
        spinner = Spinner("dots", style="cyan")

        def frame() -> Spinner:
            spinner.update(text=Text(standing(), style="dim", overflow="ellipsis", no_wrap=True))
            return spinner

        with Live(console=self.console, get_renderable=frame, refresh_per_second=4, transient=True):
            yield

    def text(self, text: str) -> None:
        """Print what kubectl said, or another text, as it is."""
        self.console.print(Text(text.rstrip()))
        self._kept.append(text.rstrip())

    def models(self, models: Sequence[Model]) -> None:
        """Print the table of the trained versions."""
        table = Table("version", "what it is", "offline accuracy", "bytes", title="Trained", title_justify="left")
        for model in models:
            table.add_row(model.version, model.description, f"{model.accuracy:.1%}", f"{model.file.stat().st_size:,}")
        self._table(table)

    def phases(self, figures: Sequence[PhaseFigures]) -> None:
        """Print the final table."""
        table = Table(title="What the users saw", title_justify="left")
        for name in ("phase", "seconds", "requests", "errors", "right", "p50 ms", "p99 ms"):
            table.add_column(name, justify="left" if name == "phase" else "right")
        table.add_column("who served them")
        for each in figures:
            table.add_row(
                each.phase,
                f"{each.seconds:.0f}",
                str(each.requests),
                Text(str(each.errors), style="bold red" if each.errors else "green"),
                f"{each.right / each.requests:.1%}" if each.requests else "-",
                f"{each.p50_ms:.1f}",
                f"{each.p99_ms:.1f}",
                served_text(each.served),
            )
        self._table(table)

    def rollback(self, found: Rollback, version: str) -> None:
        """Print what the bad version cost."""
        self.text(
            f"Version {version} answered {found.answers} requests of users, "
            f"{found.users_harmed} of them with an error.\n"
            f"From the first of them it took {seconds_text(found.seconds_to_zero)} until its weight was 0, "
            f"and {seconds_text(found.seconds_to_last)} until its last answer."
        )

    def save(self, path: Path) -> None:
        """Write everything that was printed."""
        path.write_text("\n".join(self._kept).lstrip("\n") + "\n")

    def _table(self, table: Table) -> None:
        self.console.print(table)
        with self._copy.capture() as captured:
            self._copy.quiet = False
            self._copy.print(table)
            self._copy.quiet = True
        self._kept.append(captured.get().rstrip())


def served_text(served: Mapping[str, int]) -> str:
    """Return requests by version, such as `v1: 900, v2: 100`."""
    return ", ".join(f"{f'v{version}' if version else 'nobody'}: {count}" for version, count in served.items()) or "-"


def seconds_text(seconds: float | None) -> str:
    """Return a duration, or that there is none."""
    return "no time that was seen" if seconds is None else f"{seconds:.1f} s"


def save_summary(
    path: Path, figures: Sequence[PhaseFigures], bad: Rollback, broken: Sequence[str], **more: Any
) -> None:
    """Write the figures for programs."""
    document = {
        "kept": not broken,
        "broken": list(broken),
        "rollback": asdict(bad),
        "phases": [asdict(each) for each in figures],
        **more,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
