"""What every source of model bytes hands out, and how URIs are shown to people."""

from collections.abc import Iterator
from dataclasses import dataclass

CHUNK_BYTES = 1 << 20
"""Sources hand out pieces of about this size, which bounds the memory a fetch needs."""


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of one model file as a stream. `size` is None when the source does not say."""

    size: int | None
    chunks: Iterator[bytes]


def redact(uri: str) -> str:
    """Return the URI without what may be secret: user and password, query and fragment."""
    scheme, separator, rest = uri.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"
