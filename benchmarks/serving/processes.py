"""A server as a tree of processes: started on one core, weighed, and taken away whole."""

import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_MARK = "LEADSMAN_BENCH_SERVING"
_PATIENCE_SECONDS = 4.0
_TICKS = os.sysconf("SC_CLK_TCK")
_UNWANTED = ("LEADSMAN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHON", "VIRTUAL_ENV", "OTEL_")


class ServerError(Exception):
    """A server that did not do its part; says how, with the end of its log."""


@dataclass(frozen=True)
class Memory:
    """MiB of a tree of so many processes: resident, and the same with what several share counted once."""

    processes: int
    resident: float
    shared_once: float


@dataclass(frozen=True)
class Tree:
    """A server and all that it starts, told by a mark in their environment; `began` is of the monotonic clock."""

    leader: "subprocess.Popen[bytes]"
    mark: str
    log: Path
    began: float

    def check(self) -> None:
        """Raise ServerError if the server has ended."""
        if self.leader.poll() is not None:
            raise ServerError(f"it ended with {self.leader.returncode}; {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of the log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "its log ends:\n    " + "\n    ".join(lines[-15:])

    def members(self) -> list[int]:
        """Return the ids of the processes that live."""
        wanted = f"{_MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):  # it has just ended
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def memory(self) -> Memory:
        """Weigh the tree."""
        sums = [_rollup(pid) for pid in self.members()]
        return Memory(
            processes=len(sums),
            resident=sum(one.get("Rss", 0) for one in sums) / 1024,
            shared_once=sum(one.get("Pss", 0) for one in sums) / 1024,
        )

    def cpu_seconds(self) -> float:
        """Return the processor time that the tree has used."""
        return sum(map(_cpu_seconds, self.members()))

    def stop(self) -> None:
        """End every process of the tree, kindly at first."""
        with suppress(ProcessLookupError):
            self.leader.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.leader.wait(_PATIENCE_SECONDS)
        while members := self.members():
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.leader.wait()


@contextmanager
def started(command: Sequence[str], core: int, work: Path, extra: Mapping[str, str]) -> Iterator[Tree]:
    """Run the command on one core, in the directory `work`, with `extra` in its environment; nothing of it is left."""
    mark = uuid.uuid4().hex
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_UNWANTED)}
    environment |= {**extra, _MARK: mark, "HOME": str(work)}
    log = work / "log"
    with log.open("wb") as output:
        began = time.monotonic()
        leader = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    tree = Tree(leader, mark, log, began)
    try:
        yield tree
    finally:
        tree.stop()


def free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _rollup(pid: int) -> dict[str, int]:
    """Return the sums of a process's memory map in KiB; nothing for one that has just ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {}


def _cpu_seconds(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0
