"""Work spread over the processor's cores, with a progress bar on a terminal."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import click
from rich.console import Console
from rich.progress import track

from leadsman.simulation import Outcomes, Task

# A process takes a second to start, and a task less than one to do.
_WORTH_PROCESSES = 10


def spread(work: Callable[[Task], Outcomes], tasks: Sequence[Task]) -> Iterator[Outcomes]:
    """Do the tasks as `map` does, on all cores where that is worth it."""
    console = Console(stderr=True)
    cores = os.cpu_count() or 1
    done = _on_cores(cores, work, tasks) if cores > 1 and len(tasks) >= _WORTH_PROCESSES else map(work, tasks)
    yield from track(
        done, "simulating", total=len(tasks), console=console, transient=True, disable=not console.is_terminal
    )


def _on_cores(cores: int, work: Callable[[Task], Outcomes], tasks: Sequence[Task]) -> Iterator[Outcomes]:
    # Forked processes would inherit locks in whatever state they are.
    pool = ProcessPoolExecutor(min(cores, len(tasks)), get_context("spawn"), initializer=_leave_ctrl_c_to_the_parent)
    try:
        yield from pool.map(work, tasks)
    except BrokenProcessPool as error:
        raise click.ClickException("a process of the simulation was killed; was there too little memory?") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
