"""The servers that are compared, and how a competent user would run each on one core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.dialects import Dialect, v2
from benchmarks.serving.models import NAME, Payload

_HERE = Path(__file__).parent
_PEERS = _HERE / "peers"
_INFER = f"/v2/models/{NAME}/infer"
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
    """A server. `requirements` names its environment (hack/side-venv.sh), None is ours; `package` has its version."""

    key: str
    title: str
    settings: str
    dialect: Dialect
    command: Callable[[Place], list[str]]
    requirements: str | None = None
    package: str = ""
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


SUBJECTS = (
    Subject(
        OURS,
        "leadsman-serving",
        "Default options.",
        v2(_INFER, binary=True),
        _ours(),
        package="leadsman",
    ),
    Subject(
        FLOOR,
        "floor",
        "This server with its application taken out: the same HTTP server reads the same body and answers a constant "
        "of the same size with the same headers.",
        v2("/v2/models/{payload}/infer", binary=True),
        _floor,
        package="granian",
    ),
)
