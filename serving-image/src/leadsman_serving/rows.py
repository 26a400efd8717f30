"""Requests that one run answers together: their inputs joined along the first axis, the outputs taken apart. Pure."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from leadsman_serving.tensors import Array

Feed = Mapping[str, Array]
"""The inputs of a model by name, as its signature accepted them."""

Run = Callable[[Feed], list[Array]]
"""Runs the model; raises ServingError when it fails."""


def rows_of(feed: Feed) -> int:
    """Return how long the first axis of all inputs is; 0 when they have none in common."""
    sizes = {array.shape[0] if array.ndim else 0 for array in feed.values()}
    return sizes.pop() if len(sizes) == 1 else 0


def row_shapes(feed: Feed) -> tuple[tuple[int, ...], ...]:
    """Return what has to be alike in feeds that are joined: the shapes of their rows."""
    return tuple(array.shape[1:] for array in feed.values())


def join(feeds: Sequence[Feed]) -> Feed:
    """Return the inputs of all feeds, whose rows are of the same shapes, one after the other."""
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def split(arrays: Sequence[Array], rows: Sequence[int]) -> list[list[Array]] | None:
    """Return the outputs of each of the feeds that were joined, which had so many rows.

    None when an output has not a row for each row of the inputs, so that nobody can say whose is whose.
    """
    total = sum(rows)
    if any(array.ndim == 0 or array.shape[0] != total for array in arrays):
        return None
    parts: list[list[Array]] = []
    start = 0
    for count in rows:
        parts.append([array[start : start + count] for array in arrays])
        start += count
    return parts
