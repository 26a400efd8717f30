"""Our two surfaces in this process, and other people's clients in theirs."""

import asyncio
import pickle
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leadsman_serving.admission import Admission
from leadsman_serving.answers import Answers
from leadsman_serving.attendant import Attendant
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.history import History
from leadsman_serving.metrics import ServingMetrics
from leadsman_serving.model import OnnxModel
from leadsman_serving.runner import Limits, Runner
from leadsman_serving.surfaces import Surfaces
from leadsman_serving.tensors import Array
from serving.clock import Clock
from serving.process import clean_environment, free_ports

ROOT = Path(__file__).parents[2]
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class InProcess:
    """Real servers of HTTP and gRPC on `loop`, whose one model "m" of version "v1" can be changed."""

    plane: DataPlane
    loop: asyncio.AbstractEventLoop
    pool: ThreadPoolExecutor
    http: str
    grpc: str

    def serve(self, model: OnnxModel) -> None:
        """Answer with this model from now on."""

        async def runner() -> Runner:
            return Runner(model, self.pool, Limits(1, MOST_BYTES, 0), lambda: 1, lambda *_: None)

        self.plane.runner = asyncio.run_coroutine_threadsafe(runner(), self.loop).result(30)


@contextmanager
def in_process() -> Iterator[InProcess]:
    """Serve on a loop in a thread of its own, without a model at first."""
    loop, clock, (port, grpc_port) = asyncio.new_event_loop(), Clock(), free_ports(2)
    admission = Admission(1000, MOST_BYTES)
    attendant = Attendant(admission, ServingMetrics("m", "v1", History(clock), admission), Answers(clock))
    with ThreadPoolExecutor(1) as pool:
        plane = DataPlane("m", "v1", MOST_BYTES, 60)

        async def start() -> tuple[Surfaces, asyncio.Task[None]]:
            limits = {"max_bytes": MOST_BYTES, "drain_delay": 0}
            surfaces = Surfaces(plane, attendant, "127.0.0.1", port, grpc_port=grpc_port, **limits)
            return surfaces, await surfaces.start()

        async def stop() -> None:
            await surfaces.stop()
            await serving

        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        surfaces, serving = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        try:
            yield InProcess(plane, loop, pool, f"127.0.0.1:{port}", f"127.0.0.1:{grpc_port}")
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class Refused(Exception):  # noqa: N818
    """What a client raised."""


class Judge:
    """One of the clients, of which judge.py says what it can be asked."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, way: str, *arguments: Any) -> Any:
        """Return what the client returned. Raises Refused when it raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((way, arguments), self._process.stdin)
        self._process.stdin.flush()
        succeeded, outcome = pickle.load(self._process.stdout)
        if not succeeded:
            raise Refused(outcome)
        return outcome

    def infer(self, way: str, inputs: list[tuple[str, str, Array]], names: list[str]) -> list[Array]:
        """Return the named outputs, strings as strings."""
        outputs = self.ask(way, inputs, names)
        return [text(outputs[name]) for name in names]


def text(array: Array) -> Array:
    if array.dtype.kind not in "OS":
        return array
    decoded = np.empty(array.shape, dtype=object)
    decoded[...] = np.vectorize(lambda each: each.decode() if isinstance(each, bytes) else each, otypes=[object])(array)
    return decoded


@contextmanager
def judge(client: str, server: InProcess) -> Iterator[Judge]:
    """Start the client "triton" or "kserve"."""
    made = subprocess.run(
        [str(ROOT / "hack" / "side-venv.sh"), "clients"], check=True, stdout=subprocess.PIPE, text=True
    )
    command = [f"{made.stdout.strip()}/bin/python", str(Path(__file__).with_name("judge.py")), client]
    with subprocess.Popen(
        [*command, server.http, server.grpc],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment() | {"no_proxy": "*"},
    ) as process:
        yield Judge(process)
        assert process.stdin is not None
        process.stdin.close()
