"""What a compressed body stands for, piece by piece. Pure."""

import zlib
from collections.abc import Iterator

from leadsman_serving.errors import Code, ServingError, invalid

PIECE_BYTES = 1 << 18
"""The most that is inflated at once, which takes about a millisecond."""
_GZIP, _ZLIB = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


def is_plain(coding: str) -> bool:
    """Whether a Content-Encoding says that the body is not compressed."""
    return coding.strip().lower() in ("", "identity")


def inflated(body: bytes, coding: str) -> Iterator[bytes]:
    """Yield what a body inflates to, in pieces of at most PIECE_BYTES: whoever has enough asks for no more.

    None takes long, so that a part of the body which stands for nothing is an empty piece.

    Raises ServingError: unsupported media for another Content-Encoding than gzip and deflate, invalid argument when the
    body is not of that encoding, or not all of it.
    """
    coding = coding.strip().lower()
    if coding not in _CODINGS:
        raise ServingError(
            Code.UNSUPPORTED_MEDIA, f"Content-Encoding is {coding!r}; taken here are gzip, deflate and identity"
        )
    inflater = zlib.decompressobj(_CODINGS[coding])
    for start in range(0, len(body), PIECE_BYTES):
        # In parts, as zlib copies what it has not come to yet.
        part = body[start : start + PIECE_BYTES]
        full = True
        while full:
            piece = _inflate(inflater, part, coding)
            full = len(piece) == PIECE_BYTES
            part = inflater.unconsumed_tail
            yield piece
        if inflater.eof:
            if inflater.unused_data or start + PIECE_BYTES < len(body):
                raise invalid(f"the request body goes on after the end of its {coding} stream")
            return
    raise invalid(f"the request body is cut: its {coding} stream does not end")


def _inflate(inflater: "zlib._Decompress", part: bytes, coding: str) -> bytes:
    try:
        return inflater.decompress(part, PIECE_BYTES)
    except zlib.error as error:
        raise invalid(f"the request body is not {coding}, as its Content-Encoding says: {error}") from None
