"""What is told while a package is made, which takes minutes for a large one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Narrator(Protocol):
    """Whoever tells the author what goes on."""

    def say(self, sentence: str) -> None:
        """Tell something that the author ought to know."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show that something goes on; the function it gives is called with how much of `total` was done more."""
