"""The process in which preflight runs a model: loaded, asked and timed as the server would; the model may end it.

It answers commands, one line of JSON each, on the socket whose number is its argument, until that is closed.
"""

import asyncio
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

# The whole server, although only its data plane is used: its memory counts as well.
import leadsman_serving.server  # noqa: F401
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.errors import Code, ModelLoadError, ServingError, invalid
from leadsman_serving.model import OnnxModel
from leadsman_serving.oip_json import parse_request, response_body
from leadsman_serving.rows import Feed, join, rows_of
from leadsman_serving.runner import Limits, Runner
from leadsman_serving.schema_file import read_schema
from leadsman_serving.schema_guard import SchemaGuard
from leadsman_serving.session import load
from leadsman_serving.signature import TensorSpec

Reply = dict[str, Any]


class _Subject:
    """The model, once it is loaded."""

    def __init__(self, command: Reply) -> None:
        directory, threads = Path(command["directory"]), int(command["threads"])
        self.most_bytes = int(command["most_bytes"])
        began = time.perf_counter()
        self.model: OnnxModel = load(directory, threads, command["providers"])
        self.refused: str | None = None
        schema = None
        try:
            schema = read_schema(directory, self.model.signature)
        except ModelLoadError as error:
            self.refused = str(error)  # said of the manifest: of the model there is more to find out
        self.seconds = time.perf_counter() - began
        limits = Limits(threads, self.most_bytes, 0.0)
        runner = Runner(self.model, ThreadPoolExecutor(threads), limits, lambda: 1, lambda *_: None)
        guard = None if schema is None else SchemaGuard(schema, rejecting=bool(command["rejecting"]))
        self.plane = DataPlane("model", "1", self.most_bytes, float(command["request_seconds"]), runner, guard)
        self.names = [spec.name for spec in self.model.signature.outputs]
        self.single: Feed = {}
        self.largest: Feed = {}

    def described(self) -> Reply:
        signature = self.model.signature
        return {
            "seconds": self.seconds,
            "refused": self.refused,
            "inputs": [_spec(spec) for spec in signature.inputs],
            "outputs": [_spec(spec) for spec in signature.outputs],
        }

    async def infer(self, content: bytes) -> Reply:
        """Answer a request as the server does, from the body as it is sent to the body of the answer."""
        try:
            asked = parse_request(content)._replace(binary=False, binary_outputs={})
            response = await self.plane.infer(asked.request)
        except ServingError as error:
            if error.code is Code.DEADLINE_EXCEEDED:
                return {"failed": error.message}  # it still runs, and every other request would wait for it
            return {"error": error.message, "refused": error.code is Code.INVALID_ARGUMENT}
        except MemoryError:
            return {"error": "the model's answer does not fit into memory", "refused": False}
        body, _ = response_body(response, asked)
        return {"body": orjson.Fragment(body)}

    def batch(self, paths: list[str], most_rows: int) -> Reply:
        """Make the feeds that are timed, of the requests in these files or made up, and run the largest."""
        feeds = list(self._feeds(paths))
        made_up = not feeds
        if made_up:
            if self.model.signature.least_bytes > self.most_bytes:
                return {"error": "its smallest input is larger than a request may be", "rows": 1, "made_up": True}
            feeds = list(self.model.signature.synthesise())
        if self._takes_rows(feeds):
            rows = [_row(feed, index) for feed in feeds for index in range(rows_of(feed))]
            alike = [row for row in rows if _shapes(row) == _shapes(rows[0])]
            self.single = alike[0]
            most = max(1, min(most_rows, self.most_bytes // max(1, _size(self.single))))
            self.largest = join([alike[index % len(alike)] for index in range(most)])
        else:
            self.single = min(feeds, key=_size)
            self.largest = self.single
        told = {"rows": max(1, rows_of(self.largest)) if self.largest is not self.single else 1, "made_up": made_up}
        try:
            self.model.run(self.single, self.names)
        except ServingError as error:
            return told | {"rows": 1, "error": error.message}
        try:
            self.model.run(self.largest, self.names)
        except ServingError as error:
            self.largest = self.single
            return told | {"error": error.message}
        return told

    def time(self, rows: int, runs: int) -> Reply:
        feed = self.single if rows == 1 else self.largest
        seconds = []
        for _ in range(runs):
            began = time.perf_counter()
            self.model.run(feed, self.names)
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds}

    def _feeds(self, paths: list[str]) -> Iterator[Feed]:
        for path in paths:
            with suppress(ServingError):  # said when it was asked
                feed = self.model.signature.check_inputs(parse_request(_content(path)).request.inputs)
                if all(array.size for array in feed.values()):
                    yield feed

    def _takes_rows(self, feeds: list[Feed]) -> bool:
        free = all(spec.shape and not isinstance(spec.shape[0], int) for spec in self.model.signature.inputs)
        return free and all(rows_of(feed) for feed in feeds)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise invalid(f"cannot be read: {error.strerror}") from None


def _row(feed: Feed, index: int) -> Feed:
    return {name: array[index : index + 1] for name, array in feed.items()}


def _shapes(feed: Feed) -> list[tuple[int, ...]]:
    return [array.shape for array in feed.values()]


def _size(feed: Feed) -> int:
    return sum(array.nbytes for array in feed.values())


def _spec(spec: TensorSpec) -> Reply:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


async def _answer(command: Reply, subjects: list[_Subject]) -> Reply:
    try:
        match command["do"]:
            case "load":
                subjects.append(_Subject(command))
                return subjects[-1].described()
            case "infer":
                return await subjects[-1].infer(_content(command["path"]))
            case "batch":
                return subjects[-1].batch(command["paths"], command["rows"])
            case "time":
                return subjects[-1].time(command["rows"], command["runs"])
    except (ModelLoadError, ServingError, MemoryError, OSError) as error:
        return {"failed": str(error) or "there was not enough memory"}
    raise ValueError(command["do"])


async def _serve(channel: socket.socket) -> None:
    subjects: list[_Subject] = []
    with channel.makefile("rwb") as stream:
        for line in stream:
            stream.write(orjson.dumps(await _answer(orjson.loads(line), subjects)) + b"\n")
            stream.flush()


def _be_the_one_to_die() -> None:
    """Have the kernel end this process, and no other, when memory runs out; and leave no image of it behind."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _be_the_one_to_die()
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))
    os._exit(0)  # a run may still be going on, on a thread
