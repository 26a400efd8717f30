"""Every way a request, a load or a fetch can fail, as values that know their own kind."""

from enum import Enum


class Code(Enum):
    """Why a request was not answered, independent of the protocol that carried it.

    The one place where that becomes a status: of HTTP (`http`), by which every answer is counted, and of gRPC (`grpc`).
    """

    INVALID_ARGUMENT = (400, "INVALID_ARGUMENT")
    NOT_FOUND = (404, "NOT_FOUND")
    METHOD_NOT_ALLOWED = (405, "UNIMPLEMENTED")
    TOO_LARGE = (413, "RESOURCE_EXHAUSTED")
    UNSUPPORTED_MEDIA = (415, "UNIMPLEMENTED")
    OVERLOADED = (429, "RESOURCE_EXHAUSTED")
    INTERNAL = (500, "INTERNAL")
    UNAVAILABLE = (503, "UNAVAILABLE")
    DEADLINE_EXCEEDED = (504, "DEADLINE_EXCEEDED")

    def __init__(self, http: int, grpc: str) -> None:
        self.http = http
        self.grpc = grpc


_MOST_CHARACTERS = 2000


class ServingError(Exception):
    """A request that cannot be answered. The message is for the caller, and cut where a caller's own words swell it."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message if len(message) <= _MOST_CHARACTERS else f"{message[: _MOST_CHARACTERS - 1]}…"


def invalid(message: str) -> ServingError:
    """Return the error for a request that is wrong whatever the model does with it."""
    return ServingError(Code.INVALID_ARGUMENT, message)


class ModelLoadError(Exception):
    """A model that cannot be served. The message is one sentence for the person who deployed it."""


class ClientGone(Exception):  # noqa: N818 - it is the client's right
    """There is nobody left to answer."""
