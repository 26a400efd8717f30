"""How far a fetch is, for people: as lines in a log; `leadsman pull` draws bars instead."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

_REPORT_EVERY = 5.0  # seconds
_MIB = 1 << 20


class Progress(Protocol):
    """Is told how far a fetch is, by several threads at once."""

    def begin(self, name: str, size: int | None, done: int) -> None:
        """Take note that a file of `size` bytes (None: not known) goes on after `done`; again when it starts anew."""
        ...

    def advance(self, name: str, count: int) -> None:
        """Take note of `count` more bytes of a file."""
        ...

    def say(self, sentence: str) -> None:
        """Tell people what happened, as an attempt that failed."""
        ...


class Lines:
    """Reports all files together, in a line of text every few seconds."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._files: dict[str, tuple[int, int | None]] = {}
        self._next = time.monotonic() + _REPORT_EVERY

    def begin(self, name: str, size: int | None, done: int) -> None:
        """Take note of a file."""
        with self._lock:
            self._files[name] = (done, size)

    def advance(self, name: str, count: int) -> None:
        """Take note of more bytes, and report when it is time."""
        with self._lock:
            done, size = self._files[name]
            self._files[name] = (done + count, size)
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + _REPORT_EVERY
            line = self._line()
        self._report(line)

    def say(self, sentence: str) -> None:
        """Report it."""
        self._report(sentence)

    def _line(self) -> str:
        done = sum(done for done, _ in self._files.values())
        sizes = [size for _, size in self._files.values()]
        total = sum(size for size in sizes if size is not None)
        of = f" of {total / _MIB:.0f} MiB ({done / total:.0%})" if total and None not in sizes else ""
        files = f" in {len(sizes)} files" if len(sizes) > 1 else ""
        return f"fetched {done / _MIB:.0f} MiB{of}{files}"


class Silent:
    """Tells nobody."""

    def begin(self, name: str, size: int | None, done: int) -> None:
        """Do nothing."""

    def advance(self, name: str, count: int) -> None:
        """Do nothing."""

    def say(self, sentence: str) -> None:
        """Do nothing."""
