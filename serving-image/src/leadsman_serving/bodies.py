"""The body of an HTTP request, as far as it is bounded."""

from granian.rsgi import (  # type: ignore[attr-defined] # granian does not mark its re-exports
    HTTPProtocol,
    ProtocolClosed,
    ProtocolError,
    Scope,
)

from leadsman_serving.attendant import ClientGone
from leadsman_serving.errors import Code, ServingError

_PATIENCE = 4
"""A body too large is read and thrown away up to this multiple of the limit."""


async def read_body(scope: Scope, protocol: HTTPProtocol, limit: int) -> bytes:
    """Return the request's body.

    Raises ServingError (too large) when it has more than `limit` bytes, and ClientGone.
    """
    try:
        declared = scope.headers.get("content-length")
        if declared is not None and int(declared) <= limit:
            return await protocol()
        return await _read_chunks(protocol, limit)
    except (ProtocolClosed, ProtocolError):
        raise ClientGone from None


async def _read_chunks(protocol: HTTPProtocol, limit: int) -> bytes:
    kept: list[bytes] = []
    received = 0
    # Answering while the client still sends would reset its connection before it has read the answer.
    async for chunk in protocol:
        received += len(chunk)
        if received <= limit:
            kept.append(bytes(chunk))
        elif received > limit * _PATIENCE:
            break
    if received > limit:
        raise ServingError(Code.TOO_LARGE, f"the request body is larger than {limit} bytes, the most taken here")
    return b"".join(kept)
