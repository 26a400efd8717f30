"""The real operator, as a process that can be killed, paused and started again within a moment.

Python and its imports take seconds to start. So one process imports everything and forks each operator off; from then
on it is `leadsman operator` with its own environment, signals and exit code, as if it had been started by itself.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from apiserver.pilot import SERVING_IMAGE
from apiserver.running import free_port

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["leadsman.handlers.runner", "leadsman.cli.main", "apiserver.pilot"])
_PR_SET_PDEATHSIG = 1


class Process:
    """A process that runs the operator."""

    def __init__(self, environment: Mapping[str, str], log: Path, offset: Path | None = None) -> None:
        self.log = log
        self._process = _FORKS.Process(
            target=_operator, args=(dict(environment), str(log), offset and str(offset)), daemon=True
        )
        self._process.start()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; returns at once."""
        assert self._process.pid
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL, however it is; returns when it is gone."""
        if self._process.is_alive():
            self.signal(signal.SIGKILL)
        self._process.join()

    def ended(self, seconds: float = 0) -> int | None:
        """Its exit code; None while it runs."""
        self._process.join(seconds)
        return self._process.exitcode


def environment(kubeconfig: Path, namespace: str, home: str, identity: str) -> dict[str, str]:
    """What `leadsman operator` is started with."""
    return {
        "KUBECONFIG": str(kubeconfig),
        "LEADSMAN_SERVING_IMAGE": SERVING_IMAGE,
        "LEADSMAN_LEASE_NAMESPACE": home,
        "LEADSMAN_NAMESPACES": namespace,
        "LEADSMAN_IDENTITY": identity,
        "LEADSMAN_HTTP_PORT": str(free_port()),
    }


@contextmanager
def started(*arguments: object, **more: object) -> Iterator[Process]:
    """A process that is killed when the context ends."""
    process = Process(*arguments, **more)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        process.kill()


def _operator(environment: dict[str, str], log: str, offset: str | None) -> None:
    # No operator outlives the tests, whatever becomes of them.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(environment)
    from kubernetes.config import kube_config  # noqa: PLC0415 - of the forked process

    # kopf's client library has read KUBECONFIG when it was imported.
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = environment["KUBECONFIG"]
    if offset:
        _follow(Path(offset))
    from leadsman.cli.main import main  # noqa: PLC0415

    sys.exit(main(["operator"], standalone_mode=True))


def _follow(offset: Path) -> None:
    """Set this process's wall clock by the seconds that stand in a file, as often as that changes."""
    import time  # noqa: PLC0415

    from leadsman.shell import clock  # noqa: PLC0415

    right = time.time  # noqa: TID251
    time.time = lambda: right() + float(offset.read_text())  # noqa: TID251
    clock.datetime = type(  # type: ignore[misc,attr-defined]
        "Datetime",
        (),
        {"now": lambda zone: datetime.fromtimestamp(time.time(), zone)},  # noqa: TID251
    )
