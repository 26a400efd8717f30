"""The users: a process of its own that replays held-out rows through the gateway at a steady rate.

It writes down what came back:

    python examples/demo/load.py CONFIG.json

It ends by itself at its bounds (requests, seconds), on SIGTERM, and when the process that started it is gone.
"""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import httpx

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from demo.clock import now
from demo.records import Request, as_line

_TIMEOUT = 5.0
_MOST_AT_ONCE = 32
_MOST_BEHIND = 0.25


@dataclass(frozen=True)
class LoadConfig:
    """What to send, where and how much of it."""

    url: str
    """The gateway's infer endpoint."""
    host: str
    """The Host header, by which the gateway knows the model."""
    rate: float
    most_requests: int
    most_seconds: float
    log: str
    rows: list[tuple[list[float], int, bool]]
    """Each row with its true label and whether it is coarse."""

    def save(self, path: Path) -> None:
        """Write the configuration for the process to read."""
        path.write_text(json.dumps(asdict(self)))


def body(row: list[float]) -> dict[str, Any]:
    """Return the request for one row in the Open Inference Protocol."""
    return {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, len(row)], "data": row}]}


def predicted(answer: dict[str, Any]) -> int | None:
    """Return the label in an answer, None when there is none."""
    labels = [output["data"] for output in answer.get("outputs", []) if output.get("name") == "label"]
    return int(labels[0][0]) if labels and labels[0] else None


async def ask(client: httpx.AsyncClient, config: LoadConfig, number: int) -> Request:
    """Send the request of this number and return what the user saw."""
    row, label, is_coarse = config.rows[number % len(config.rows)]
    at, started = now(), time.perf_counter()
    code, version, right, error = 0, "", False, ""
    try:
        response = await client.post(config.url, json=body(row), headers={"host": config.host})
        code, version = response.status_code, response.headers.get("x-leadsman-version", "")
        if response.is_success:
            right = predicted(response.json()) == label
        else:
            error = response.text[:300]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
        # A 200 without a prediction in it is as useless to a user as no answer.
        code, error = 0, f"{type(problem).__name__}: {problem}"[:300]
    return Request(at, round(time.perf_counter() - started, 6), code, version, right, is_coarse, error)


async def replay(config: LoadConfig, log: TextIO, stop: asyncio.Event) -> None:
    """Send requests at a steady rate, whether or not earlier ones have been answered, until a bound or `stop`."""
    parent, began = os.getppid(), time.perf_counter()
    limits = httpx.Limits(max_connections=_MOST_AT_ONCE, max_keepalive_connections=_MOST_AT_ONCE)
    running: set[asyncio.Task[None]] = set()

    async with httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False) as client:

        async def one(number: int) -> None:
            log.write(as_line(await ask(client, config, number)))
            log.flush()

        due = began
        for number in range(config.most_requests):
            # On a machine that is too busy to keep the rate, users come more slowly; none come in a crowd afterwards.
            due = max(due + 1 / config.rate, time.perf_counter() - _MOST_BEHIND)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if len(running) >= _MOST_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            over = time.perf_counter() - began > config.most_seconds
            if over or stop.is_set() or os.getppid() != parent:
                break
            task = asyncio.create_task(one(number))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)


async def replay_until_stopped(config: LoadConfig, log: TextIO) -> None:
    """Replay until a bound or a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await replay(config, log, stop)


def main(path: Path) -> None:
    """Replay what the file says."""
    config = LoadConfig(**json.loads(path.read_text()))
    with Path(config.log).open("a") as log:
        asyncio.run(replay_until_stopped(config, log))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
