"""How far a transfer is: bars on a terminal, a line every few seconds elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as Speed

from leadsman_package.progress import Lines
from leadsman_package.progress import Progress as Told

_MOST_BARS = 8
"""Files beyond so many share the last bar."""
_REST = "other files"


@contextmanager
def bars() -> Iterator[Told]:
    """Show on stderr how far the files of a transfer are."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Lines(lambda line: console.print(line, markup=False, soft_wrap=True))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), Speed())
    with Progress(*columns, TimeRemainingColumn(), console=console) as drawn:
        yield Bars(drawn)


class Bars:
    """A bar for each file, as leadsman_package.progress.Progress wants it; for several threads at once."""

    def __init__(self, drawn: Progress) -> None:
        self._drawn = drawn
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._rest: dict[str, tuple[int | None, int]] = {}

    def begin(self, name: str, size: int | None, done: int) -> None:
        """Show a file, or that it begins anew."""
        with self._lock:
            if name not in self._tasks and len(self._tasks) >= _MOST_BARS:
                self._rest[name] = (size, done)
                self._share()
                return
            if name not in self._tasks:
                self._tasks[name] = self._drawn.add_task(name, total=size)
            self._drawn.update(self._tasks[name], total=size, completed=done)

    def advance(self, name: str, count: int) -> None:
        """Show more bytes of a file."""
        with self._lock:
            if name in self._rest:
                size, done = self._rest[name]
                self._rest[name] = (size, done + count)
                self._share()
            else:
                self._drawn.update(self._tasks[name], advance=count)

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._drawn.console.print(sentence, markup=False)

    def _share(self) -> None:
        if _REST not in self._tasks:
            self._tasks[_REST] = self._drawn.add_task(_REST)
        sizes = [size for size, _ in self._rest.values()]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        self._drawn.update(self._tasks[_REST], total=total, completed=sum(done for _, done in self._rest.values()))
