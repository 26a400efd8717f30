"""Every way a request, a load or a fetch can fail, as values that know their own kind."""

from enum import Enum


class Code(Enum):
    """Why a request was not answered, independent of the protocol that carried it."""

    INVALID_ARGUMENT = "invalid argument"
    NOT_FOUND = "not found"
    METHOD_NOT_ALLOWED = "method not allowed"
    TOO_LARGE = "too large"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class ServingError(Exception):
    """A request that cannot be answered. The message is one for the caller and is sent as it stands."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> ServingError:
    """Return the error for a request that is wrong whatever the model does with it."""
    return ServingError(Code.INVALID_ARGUMENT, message)


class ModelLoadError(Exception):
    """A model that cannot be served. The message is one sentence for the person who deployed it."""


class FetchError(Exception):
    """A model that could not be fetched. `transient` says that trying again may help."""

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient
