"""JSON from anyone: what reading it takes is bounded by what it consists of, before it is read. Pure.

Nothing else can be done while a body is read, and a few bytes of it may stand for a list, which takes a hundred.
"""

from leadsman_serving.errors import Code, ServingError

MOST_PARTS = 5_000_000
"""With so many a body takes 0.7 s and 320 MB more than its own size at most."""
_WEIGHTS = {b",": 1, b'"': 1, b"[": 4, b"{": 4}
_HEAVIEST = max(_WEIGHTS.values())


def check_readable(text: bytes) -> None:
    """Raise ServingError (too large) for JSON that would take too long, or too much memory, to read."""
    if _HEAVIEST * len(text) <= MOST_PARTS:
        return
    parts = sum(weight * text.count(part) for part, weight in _WEIGHTS.items())
    if parts > MOST_PARTS:
        raise ServingError(
            Code.TOO_LARGE,
            f"the JSON of the request has {parts} parts (one for each comma and quotation mark, {_HEAVIEST} for each"
            f" list and object), and at most {MOST_PARTS} are taken: send large tensors as bytes, by the binary tensor"
            " extension or gRPC",
        )
