"""An infer request as it comes, and what became of it: what the metrics, the access log and tracing are made of."""

from collections.abc import Callable
from typing import NamedTuple

from leadsman_serving.batch import Ran
from leadsman_serving.errors import Code

REQUEST_ID = "x-request-id"
"""The header, or metadata, by which clients and gateways name a request."""


class Call:
    """An infer request as it comes, by `protocol` ("http" or "grpc") and for `path`; `header` looks up what it says.

    Whoever reads and answers it notes the bytes of both bodies, as far as they are known.
    """

    __slots__ = ("bytes_in", "bytes_out", "header", "path", "protocol")

    def __init__(self, protocol: str, path: str, header: Callable[[str], str | None]) -> None:
        self.protocol = protocol
        self.path = path
        self.header = header
        self.bytes_in: int | None = None
        self.bytes_out: int | None = None


class Served(NamedTuple):
    """What answers: `revision` is None until the model is loaded, where nobody has named one."""

    model: str
    version: str
    revision: str | None


class Account(NamedTuple):
    """What became of a request: `error` says why it was not answered, `ran` is the run that its outputs are from.

    `began` and `ended` are seconds of the monotonic clock, like the times of a run.
    """

    call: Call
    error: Code | None
    began: float
    ended: float
    ran: Ran | None

    @property
    def status(self) -> int:
        """The HTTP status, also of a request that came by gRPC."""
        return 200 if self.error is None else self.error.http
