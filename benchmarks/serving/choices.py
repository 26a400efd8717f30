"""What this server could be made of: HTTP servers, event loops and JSON codecs around the same few lines."""

from collections.abc import Callable

from benchmarks.serving.dialects import v2
from benchmarks.serving.subjects import INFER, PEERS, Place, Subject, peer_environment

_MADE_OF = (
    ("granian-rsgi", "asyncio", "orjson"),
    ("granian-rsgi", "uvloop", "orjson"),
    ("granian-rsgi", "rloop", "orjson"),
    ("granian-asgi", "asyncio", "orjson"),
    ("uvicorn", "asyncio", "orjson"),
    ("uvicorn", "uvloop", "orjson"),
    ("uvicorn", "rloop", "orjson"),
    ("hypercorn", "uvloop", "orjson"),
    ("protocol", "asyncio", "orjson"),
    ("protocol", "uvloop", "orjson"),
    ("granian-rsgi", "asyncio", "msgspec"),
    ("granian-rsgi", "asyncio", "json"),
)


def _command(*made_of: str) -> Callable[[Place], list[str]]:
    return lambda place: [place.python, str(PEERS / "choices_server.py"), *made_of, str(place.ports[0])]


CHOICES = tuple(
    Subject(
        key=", ".join(made_of),
        title=", ".join(made_of),
        settings="",
        dialect=v2(INFER, binary=False),
        command=_command(*made_of),
        package=made_of[0].partition("-")[0],
        requirements="peers-choices",
        environment=peer_environment,
    )
    for made_of in _MADE_OF
)
