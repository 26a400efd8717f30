"""One server after the other: started, compared with the truth, loaded, weighed."""

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import processes
from benchmarks.serving.asking import Answer, await_answer, right_answer
from benchmarks.serving.load import Generator, LoadError, check_size
from benchmarks.serving.models import Payload
from benchmarks.serving.processes import Memory, ServerError, Tree
from benchmarks.serving.subjects import OURS, Place, Subject

_LEAST_ANSWERS = 2
"""Of each connection, for its latencies to mean something."""
_NOT_KEPT = frozenset(("content-length", "date", "server"))  # the HTTP server says them itself


@dataclass(frozen=True)
class Cell:
    """A server under one payload at one concurrency; latencies in milliseconds.

    `server_busy` and `generator_busy` are shares of their cores. `failure` says why there are no figures.
    """

    subject: str
    payload: str
    connections: int
    requests: int = 0
    per_second: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    server_busy: float = 0.0
    generator_busy: float = 0.0
    failure: str = ""

    @property
    def cpu_microseconds(self) -> float:
        """Of the server, for each request: what a busy machine changes least."""
        return 1e6 * self.server_busy / self.per_second

    @property
    def has_latencies(self) -> bool:
        """Whether enough was answered: else those that waited longest are not among it."""
        return self.requests >= _LEAST_ANSWERS * self.connections


@dataclass(frozen=True)
class Start:
    """Seconds from exec to the first right answer, of each start with this model, and what it weighs after all load."""

    subject: str
    model: str
    seconds: tuple[float, ...]
    memory: Memory

    @property
    def median(self) -> float:
        """The median of the starts."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Plan:
    """How much is measured: whole seconds of a cell and of its warm-up, concurrencies, and starts of each server."""

    seconds: int
    warm_up: int
    connections: tuple[int, ...]
    starts: int


@dataclass(frozen=True)
class Bench:
    """Measures servers on `core` by `generator`; the models are in `work`, and so are its files.

    `python` finds the interpreter of a subject's environment; `tell` is told each cell as it comes.
    """

    core: int
    generator: Generator
    work: Path
    plan: Plan
    python: Callable[[Subject], str]
    tell: Callable[[Cell], None]

    def measure(self, subject: Subject, payloads: Sequence[Payload]) -> tuple[list[Cell], list[Start]]:
        """Measure one server under all payloads that it can take."""
        cells: list[Cell] = []
        starts: list[Start] = []
        for model in dict.fromkeys(payload.model for payload in payloads):
            asked = [one for one in payloads if one.model == model and (subject.dialect.binary or not one.binary)]
            if not asked:
                continue
            try:
                starts.append(self._with_model(subject, asked, cells))
            except ServerError as error:
                done = {(cell.payload, cell.connections) for cell in cells}
                for payload, connections in _grid(asked, self.plan):
                    if (payload.name, connections) not in done:
                        self._keep(cells, Cell(subject.key, payload.name, connections, failure=str(error)))
        return cells, starts

    def _with_model(self, subject: Subject, payloads: Sequence[Payload], cells: list[Cell]) -> Start:
        seconds: list[float] = []
        with ExitStack() as running:
            for _ in range(self.plan.starts):
                running.close()
                tree, port = self._start(subject, payloads[0], running)
                path = subject.path(payloads[0])
                seconds.append(await_answer(tree, port, path, subject.dialect, payloads[0]))
            for payload in payloads:
                answer = right_answer(port, subject.path(payload), subject.dialect, payload)
                if subject.key == OURS:
                    self._keep_for_floor(payload, answer)
                for connections in self.plan.connections:
                    self._keep(cells, self._cell(subject, payload, connections, tree, port, answer))
            return Start(subject.key, payloads[0].model, tuple(seconds), tree.memory())

    def _start(self, subject: Subject, payload: Payload, running: ExitStack) -> tuple[Tree, int]:
        http, grpc, metrics = processes.free_ports(3)
        place = Place(
            model=self.work / payload.model,
            work=self.work / "server",
            ports=(http, grpc, metrics),
            python=self.python(subject),
            answers=self.work / "answers",
        )
        place.work.mkdir(exist_ok=True)
        place.answers.mkdir(exist_ok=True)
        command, environment = subject.command(place), subject.environment(place)
        return running.enter_context(processes.started(command, self.core, place.work, environment)), http

    def _cell(
        self, subject: Subject, payload: Payload, connections: int, tree: Tree, port: int, answer: Answer
    ) -> Cell:
        path = subject.path(payload)
        url = f"http://127.0.0.1:{port}{path}"
        request = subject.dialect.ask(payload.input, payload.binary)
        try:
            self.generator.run(url, request, connections, self.plan.warm_up, self.work)
            # Answered after what is still waiting, which would be in the way of the next measurement.
            right_answer(port, path, subject.dialect, payload)
            used = tree.cpu_seconds()
            load = self.generator.run(url, request, connections, self.plan.seconds, self.work)
            used = tree.cpu_seconds() - used
            check_size(load, answer.wire_bytes)
            right_answer(port, path, subject.dialect, payload)
        except LoadError as error:
            tree.check()
            return Cell(subject.key, payload.name, connections, failure=str(error))
        return Cell(
            subject=subject.key,
            payload=payload.name,
            connections=connections,
            requests=load.requests,
            per_second=load.per_second,
            p50=load.p50,
            p99=load.p99,
            server_busy=used / load.seconds,
            generator_busy=load.busy,
        )

    def _keep_for_floor(self, payload: Payload, answer: Answer) -> None:
        kept = [f"{name}: {value}\n" for name, value in answer.headers.items() if name not in _NOT_KEPT]
        (self.work / "answers" / f"{payload.slug}.headers").write_text("".join(kept))
        (self.work / "answers" / f"{payload.slug}.body").write_bytes(answer.body)

    def _keep(self, cells: list[Cell], cell: Cell) -> None:
        cells.append(cell)
        self.tell(cell)


def _grid(payloads: Sequence[Payload], plan: Plan) -> list[tuple[Payload, int]]:
    return [(payload, connections) for payload in payloads for connections in plan.connections]
