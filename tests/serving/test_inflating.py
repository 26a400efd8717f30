"""Inflating in pieces; test_compressed.py has what a client sees of it."""

import zlib

import pytest

from leadsman_serving.inflating import PIECE_BYTES, inflated

NOTHING = b"\x00\x00\x00\xff\xff"  # a stored block of no bytes
HEADER = zlib.compress(b"")[:2]


@pytest.mark.parametrize("parts", [1, 2, 40])
def test_what_stands_for_nothing_comes_in_as_many_pieces_as_it_has_parts(parts: int) -> None:
    end = zlib.compress(b"")[2:]
    blocks = (parts * PIECE_BYTES - len(HEADER) - len(end)) // len(NOTHING)
    pieces = [*inflated(HEADER + NOTHING * blocks + end, "deflate")]
    assert pieces == [b""] * parts


def test_no_piece_is_larger_than_one() -> None:
    pieces = [*inflated(zlib.compress(bytes(10 * PIECE_BYTES + 1)), "deflate")]
    assert [len(piece) for piece in pieces] == [PIECE_BYTES] * 10 + [1]
