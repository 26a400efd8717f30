"""The servers that are compared, and how a competent user would run each on one core."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.dialects import Dialect, rows, v2
from benchmarks.serving.models import NAME, Payload

_HERE = Path(__file__).parent
PEERS = _HERE / "peers"
INFER = f"/v2/models/{NAME}/infer"
OURS, FLOOR = "leadsman", "floor"


@dataclass(frozen=True)
class Place:
    """What a server is started with: its model's directory, a directory for its files, ports, and its python.

    `answers` has the constants of the floor.
    """

    model: Path
    work: Path
    ports: tuple[int, int, int]
    python: str
    answers: Path

    @property
    def bin(self) -> Path:
        """The directory of its environment's commands."""
        return Path(self.python).parent


@dataclass(frozen=True)
class Subject:
    """A server.

    `settings` says for the report how it is set up; `requirements` names its environment (hack/side-venv.sh), None is
    ours, and `package` has its version in there.
    """

    key: str
    title: str
    settings: str
    dialect: Dialect
    command: Callable[[Place], list[str]]
    package: str
    requirements: str | None = None
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})

    def path(self, payload: Payload) -> str:
        """Return where this payload goes."""
        return self.dialect.path.format(payload=payload.slug)


def _serve(place: Place, *options: str) -> list[str]:
    http, grpc, metrics = map(str, place.ports)
    ports = ["--host", "127.0.0.1", "--port", http, "--grpc-port", grpc, "--metrics-port", metrics]
    return ["serve", str(place.model), "--name", NAME, *ports, *options]


def _ours(*options: str) -> Callable[[Place], list[str]]:
    return lambda place: [str(place.bin / "leadsman-serving"), *_serve(place, *options)]


def _floor(place: Place) -> list[str]:
    return [place.python, str(_HERE / "floor.py"), str(place.answers), *_serve(place)]


def _kserve(place: Place) -> list[str]:
    ports = ["--http_port", str(place.ports[0]), "--grpc_port", str(place.ports[1])]
    return [place.python, str(PEERS / "kserve_server.py"), *ports]


def _quiet_kserve(place: Place) -> list[str]:
    logs = place.work / "logs.json"
    no_access_log = {"uvicorn.access": {"handlers": [], "propagate": False}}
    logs.write_text(json.dumps({"version": 1, "disable_existing_loggers": False, "loggers": no_access_log}))
    return [*_kserve(place), "--enable_latency_logging", "false", "--log_config_file", str(logs)]


def _mlserver(**settings: object) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        http, grpc, metrics = place.ports
        ports = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics}
        model = {"name": NAME, "implementation": "mlserver_runtime.OnnxRuntime"}
        (place.work / "settings.json").write_text(json.dumps({**ports, **settings}))
        (place.work / "model-settings.json").write_text(json.dumps(model))
        return [str(place.bin / "mlserver"), "start", str(place.work)]

    return command


def _bentoml(place: Place) -> list[str]:
    service = ["serve", "bentoml_service:Bench", "--working-dir", str(PEERS)]
    return [str(place.bin / "bentoml"), *service, "--host", "127.0.0.1", "--port", str(place.ports[0])]


def _litserve(place: Place) -> list[str]:
    return [place.python, str(PEERS / "litserve_server.py"), str(place.ports[0])]


def peer_environment(place: Place) -> dict[str, str]:
    """Return what tells a server of the directory `peers` its model."""
    return {"BENCH_MODEL": str(place.model), "PYTHONPATH": str(PEERS)}


def _bentoml_environment(place: Place) -> dict[str, str]:
    return {**peer_environment(place), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(place.work)}


SUBJECTS = (
    Subject(OURS, "leadsman-serving", "Default options.", v2(INFER, binary=True), _ours(), "leadsman"),
    Subject(
        "leadsman-unbatched",
        "leadsman-serving, never batching",
        "`--max-batch-size 1`: no two requests share a run. By default they do where the warm-up finds that it helps.",
        v2(INFER, binary=True),
        _ours("--max-batch-size", "1"),
        "leadsman",
    ),
    Subject(
        FLOOR,
        "the floor",
        "This server with its application taken out: the same HTTP server in the same event loop reads the same body "
        "and answers a constant, with the headers and the body of this server's answer.",
        v2("/v2/models/{payload}/infer", binary=True),
        _floor,
        "httptools",
    ),
    Subject(
        "kserve",
        "KServe",
        "A `kserve.Model` whose `predict` is a coroutine; `--enable_latency_logging false` and no access log; one "
        "worker, uvloop and gRPC, which are defaults. It reads binary tensors into lists of Python's floats.",
        v2(INFER, binary=True),
        _quiet_kserve,
        "kserve",
        "peers-kserve",
        peer_environment,
    ),
    Subject(
        "kserve-defaults",
        "KServe, as it comes",
        "The same with a line for each request and for its latency, which are defaults too.",
        v2(INFER, binary=True),
        _kserve,
        "kserve",
        "peers-kserve",
        peer_environment,
    ),
    Subject(
        "mlserver",
        "MLServer",
        "A custom runtime; `parallel_workers: 0`, so that the model runs in the server's own process, as one core has "
        "no use for a second one, and `debug: false`. No adaptive batching: it cost throughput at 32 connections.",
        v2(INFER, binary=False),
        _mlserver(parallel_workers=0, debug=False),
        "mlserver",
        "peers-mlserver",
        peer_environment,
    ),
    Subject(
        "mlserver-defaults",
        "MLServer, as it comes",
        "The same with its defaults: one process for inference beside the server, and a line for each request.",
        v2(INFER, binary=False),
        _mlserver(),
        "mlserver",
        "peers-mlserver",
        peer_environment,
    ),
    Subject(
        "bentoml",
        "BentoML",
        "A `batchable` API, which is its adaptive batching, as a coroutine; one worker, no access log, uvloop "
        'and httptools installed. Takes `{"rows": [[...]]}`.',
        rows("/predict"),
        _bentoml,
        "bentoml",
        "peers-bentoml",
        _bentoml_environment,
    ),
    Subject(
        "litserve",
        "LitServe",
        'One worker and one API server, log level "warning". No batching: with a model as quick as this it cost '
        'throughput. Takes `{"rows": [[...]]}`.',
        rows("/predict"),
        _litserve,
        "litserve",
        "peers-litserve",
        peer_environment,
    ),
)
