"""Messages from anyone: what reading one takes is bounded by its bytes that are not raw tensors. Pure.

Two bytes may stand for an input, which takes ninety, and one for a number of typed contents, which takes sixteen.
"""

from leadsman_serving.errors import Code, ServingError

MOST_BESIDES_RAW = 8 << 20
"""With so many a message takes 0.5 s and 350 MB more than its own size at most."""
_RAW_INPUT_CONTENTS = 7 << 3 | 2  # its tag: field 7, with a length
_MOST_FIELDS = 10_000
_MOST_LENGTH_BYTES = 5


def check_readable(data: bytes) -> None:
    """Raise ServingError (too large) for a ModelInferRequest that would take too long, or too much memory, to read."""
    if len(data) <= MOST_BESIDES_RAW:
        return
    besides = len(data) - _raw_bytes(data)
    if besides > MOST_BESIDES_RAW:
        raise ServingError(
            Code.TOO_LARGE,
            f"the message has {besides} bytes besides raw_input_contents, and at most {MOST_BESIDES_RAW} are taken:"
            " send large tensors as raw_input_contents",
        )


def _raw_bytes(data: bytes) -> int:
    """Return how many bytes are of raw tensors, as far as a look at the first fields shows."""
    raw = at = 0
    for _ in range(_MOST_FIELDS):
        if at + 1 >= len(data):
            break
        tag = data[at]
        size, at = _length(data, at + 1)
        if at + size > len(data) or tag & 7 != 2:
            break
        if tag == _RAW_INPUT_CONTENTS:
            raw += size
        at += size
    return raw


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at a place, and the place after it."""
    size = 0
    for shift, byte in enumerate(data[at : at + _MOST_LENGTH_BYTES]):
        size |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return size, at + shift + 1
    return len(data), at  # none that a message here may have
