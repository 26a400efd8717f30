"""The load: wrk, one thread of it, on a core of its own."""

import json
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.dialects import Request

_SCRIPT = Path(__file__).with_name("wrk.lua")
_TIMEOUT_SECONDS = 60
_MOST_OFF = 0.02  # of an answer's size: what is under way when the time is up, and ids in headers


class LoadError(Exception):
    """A measurement that means nothing; says why."""


@dataclass(frozen=True)
class Load:
    """What came of a run: latencies in milliseconds, of all requests but those under way at the end.

    `answer_bytes` is the mean of an answer with its headers, `busy` the share of its core that the generator needed.
    """

    requests: int
    seconds: float
    per_second: float
    p50: float
    p99: float
    answer_bytes: float
    busy: float


@dataclass(frozen=True)
class Generator:
    """wrk at `program`, on this core."""

    program: str
    core: int

    def run(self, url: str, request: Request, connections: int, seconds: int, work: Path) -> Load:
        """Send one request again and again over so many connections.

        Raises LoadError when any answer was not 2xx or a connection broke. `work` is a directory for its files.
        """
        body, headers = work / "body", work / "headers"
        body.write_bytes(request.body)
        headers.write_text("".join(f"{name}: {value}\n" for name, value in request.headers.items()))
        command = [
            *("taskset", "-c", str(self.core), self.program, "-t1", f"-c{connections}", f"-d{seconds}s"),
            *(f"--timeout={_TIMEOUT_SECONDS}s", "-s", str(_SCRIPT), url),
        ]
        before, began = _children_seconds(), time.monotonic()
        environment = os.environ | {"BENCH_BODY": str(body), "BENCH_HEADERS": str(headers)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        busy = (_children_seconds() - before) / (time.monotonic() - began)
        if done.returncode:
            raise LoadError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
        return parse(done.stdout, busy)


def parse(printed: str, busy: float) -> Load:
    """Return what wrk.lua has printed. Raises LoadError when not every answer was a good one."""
    found = json.loads(printed.strip().splitlines()[-1])
    if not found["requests"]:
        raise LoadError("not one answer came")
    if found["non_2xx"] or found["broken"]:
        raise LoadError(
            f"{found['non_2xx']} of {found['requests']} answers were not 2xx, and {found['broken']} connections broke"
        )
    seconds = found["microseconds"] / 1e6
    return Load(
        requests=found["requests"],
        seconds=seconds,
        per_second=found["requests"] / seconds,
        p50=found["p50"] / 1e3,
        p99=found["p99"] / 1e3,
        answer_bytes=found["bytes"] / found["requests"],
        busy=busy,
    )


def check_size(load: Load, expected: int) -> None:
    """Raise LoadError unless the answers have as many bytes as the one that was compared with the truth."""
    if abs(load.answer_bytes - expected) > _MOST_OFF * expected:
        raise LoadError(f"an answer has {load.answer_bytes:.1f} bytes in the mean, the one that was checked {expected}")


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
