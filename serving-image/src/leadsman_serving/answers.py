"""The latest answers, for the operator to compare with another revision's answers to the same requests.

A gateway that mirrors requests gives the copy the original's x-request-id, which is how two answers find each other.
Outputs are kept, inputs never are.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from itertools import takewhile
from math import inf, isfinite, isnan, prod
from threading import Lock
from urllib.parse import parse_qsl

import orjson

from leadsman_serving.errors import invalid
from leadsman_serving.signature import Tensor
from leadsman_serving.tensors import Array

MOST_ANSWERS = 1024
MOST_BYTES = 3 << 20
"""Of all answers in the ring as JSON; the operator reads at most 4 MiB."""
MOST_VALUES = 64
"""Of one output."""
SECONDS_AFTER_ASKED = 60.0
"""How long recording goes on after the last time that somebody asked."""

_MOST_CHARACTERS = 256  # of one value
_SIGNIFICANT_DIGITS = ".7g"  # as many as FP32 has
_SEQ = re.compile(r"[0-9]{1,15}")


class Answers:
    """A ring of recorded answers; `clock` gives Unix seconds.

    `on` says whether `record` is of use now: it is off until somebody asks, and again when nobody has for
    SECONDS_AFTER_ASKED; what was recorded is forgotten then. One thread records, others may ask.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on = False
        self._clock = clock
        self._lock = Lock()
        self._asked = -inf
        self._last = 0
        self._ring: deque[tuple[int, bytes]] = deque()
        self._bytes = 0

    def record(self, identifier: str, outputs: Mapping[str, Tensor]) -> None:
        """Keep an answer given now to the request with this x-request-id, unless nobody wants it any more."""
        now = self._clock()
        with self._lock:
            self._expire(now)
            if not self.on:
                return
            self._last += 1
            entry = _encode(self._last, now, identifier, outputs)
            self._ring.append((self._last, entry))
            self._bytes += len(entry)
            while len(self._ring) > MOST_ANSWERS or self._bytes > MOST_BYTES:
                self._bytes -= len(self._ring.popleft()[1])

    def page(self, query: str) -> bytes:
        """Return the body of GET /answers, and record from now on.

        Raises ServingError (invalid argument) for any query string but "after=SEQ" and none.
        """
        after = _after(query)
        now = self._clock()
        with self._lock:
            self._expire(now)
            self._asked = now
            self.on = True
            last = self._last
            newest_first = list(takewhile(lambda item: item[0] > after, reversed(self._ring)))
        answers = [orjson.Fragment(entry) for _, entry in reversed(newest_first)]
        return orjson.dumps({"now": _milliseconds(now), "last": last, "answers": answers})

    def _expire(self, now: float) -> None:
        # A clock that was set back must not keep it on either.
        if abs(now - self._asked) > SECONDS_AFTER_ASKED:
            self.on = False
            self._ring.clear()
            self._bytes = 0


def _after(query: str) -> int:
    match parse_qsl(query, keep_blank_values=True):
        case []:
            return 0
        case [("after", seq)] if _SEQ.fullmatch(seq):
            return int(seq)
    raise invalid("/answers takes after=SEQ, with the 'seq' of an answer or 0, or nothing")


def _encode(seq: int, at: float, identifier: str, outputs: Mapping[str, Tensor]) -> bytes:
    described = [_describe(name, tensor.array) for name, tensor in outputs.items()]
    return orjson.dumps({"seq": seq, "at": _milliseconds(at), "id": identifier, "outputs": described})


def _describe(name: str, array: Array) -> dict[str, object]:
    if array.dtype.kind == "f" and array.ndim and array.shape[-1] > MOST_VALUES:
        # Cut off, a row of scores would have another highest one: what is compared is where that is.
        array = array.argmax(axis=-1)
    kept = array if array.size <= MOST_VALUES else array[_corner(array.shape)]
    values = kept.reshape(-1).tolist()
    if array.dtype.kind == "f":
        values = [_number(value) for value in values]
    elif array.dtype.kind == "O":
        values = [text[:_MOST_CHARACTERS] for text in values]
    return {"name": name, "shape": kept.shape, "values": values}


def _corner(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the slices of the first MOST_VALUES elements at most, in whole rows as far as one row fits."""
    kept = list(shape)
    for axis, size in enumerate(shape):
        row = prod(shape[axis + 1 :])
        if size * row <= MOST_VALUES:
            break
        kept[axis] = max(1, MOST_VALUES // row)
    return tuple(slice(size) for size in kept)


def _number(value: float) -> float | str:
    if isfinite(value):
        return float(format(value, _SIGNIFICANT_DIGITS))
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _milliseconds(seconds: float) -> float:
    return round(seconds, 3)
