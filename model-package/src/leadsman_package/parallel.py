"""Several tasks of one transfer at once; when one fails the others stop."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from leadsman_package.downloading import Effort
from leadsman_package.errors import PackageError

Got = TypeVar("Got")


def in_parallel(effort: Effort, tasks: Iterable[Callable[[], Got]]) -> list[Got]:
    """Return what the tasks return, as many done at once as the settings say. Raises the first error that matters."""
    with ThreadPoolExecutor(effort.settings.parallel, "transfer") as pool:
        running = [pool.submit(task) for task in tasks]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            if not all(task.done() for task in running):
                effort.stop.set()
                pool.shutdown(cancel_futures=True)
    errors = [error for task in running if not task.cancelled() and (error := task.exception())]
    if errors:
        # One that lasts is the cause; those that may pass may be what it brought about.
        raise min(errors, key=lambda error: isinstance(error, PackageError) and error.transient)
    return [task.result() for task in running]
