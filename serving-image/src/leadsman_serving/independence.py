"""Whether a model answers every row as if it were alone, so that rows of several users may share a run.

It is tried, also with rows far larger than the others: what is divided by the largest of all shows only then. A trial
is no proof. Pure but for the model itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations, zip_longest

import numpy as np

from leadsman_serving.errors import ServingError
from leadsman_serving.rows import Feed, Run, join, split
from leadsman_serving.tensors import Array

_LARGE = ((1e3,), (-1e3,), (1e6, -1.0, 0.5, -1e3))
_MOST_WHOLE = 1e3  # whole numbers may say how many times, or of what size
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5  # kernels add up in another order when there are more rows

_Answered = tuple[Feed, list[Array]]


def among_large(rows: Sequence[Feed]) -> Iterator[Feed]:
    """Yield the rows, and between them some of the same shapes with large numbers."""
    for pair in zip_longest(rows, _large(rows[-1])):
        yield from filter(None, pair)


def are_independent(run: Run, rows: Sequence[Feed]) -> bool:
    """Whether the model answers the rows together as one by one, in both orders and when there are fewer of them.

    Left out are rows on which it fails by itself. Answers that are all the same, or not finite, would prove nothing.
    Raises ServingError when it fails on several rows only.
    """
    answered: list[_Answered] = []
    for row in rows:
        with suppress(ServingError):
            answered.append((row, run(row)))
    if not _tell([arrays for _, arrays in answered]):
        return False
    return all(_is_answered_so(run, some) for some in (answered, answered[::-1], answered[::2]) if len(some) > 1)


def _large(row: Feed) -> Iterator[Feed]:
    """Yield rows with large fractions, then with large whole numbers, as a model may not take the latter."""
    for kinds in ("f", "iu"):
        if any(array.dtype.kind in kinds for array in row.values()):
            for values in _LARGE:
                yield {
                    name: _filled(array, values) if array.dtype.kind in kinds else array for name, array in row.items()
                }


def _filled(array: Array, values: Sequence[float]) -> Array:
    if array.dtype.kind == "f":
        most = float(np.finfo(array.dtype).max)
        least = -most
    else:
        limits = np.iinfo(array.dtype)
        least, most = max(limits.min, -_MOST_WHOLE), min(limits.max, _MOST_WHOLE)
    return np.resize(np.clip(values, least, most).astype(array.dtype), array.shape)


def _tell(answers: Sequence[list[Array]]) -> bool:
    """Whether another row's answer would be noticed: in each output of fractions, or in each where there is none."""
    outputs = list(zip(*answers, strict=True))
    telling = [output for output in outputs if output[0].dtype.kind == "f"] or outputs
    return bool(telling) and all(any(_differ(*pair) for pair in combinations(output, 2)) for output in telling)


def _is_answered_so(run: Run, answered: Sequence[_Answered]) -> bool:
    together = split(run(join([row for row, _ in answered])), [1] * len(answered))
    return together is not None and all(
        _alike(one, other)
        for (_, alone), joined in zip(answered, together, strict=True)
        for one, other in zip(alone, joined, strict=True)
    )


def _differ(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return True
    if one.dtype.kind != "f":
        return bool((one != other).any())
    one, other = one.astype(np.float64), other.astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    return not np.allclose(one[finite], other[finite], _RELATIVE, _ABSOLUTE)


def _alike(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return bool((one == other).all())
    one, other = one.astype(np.float64), other.astype(np.float64)
    # What large numbers leave of each other is as inexact as they are.
    largest = float(np.abs(one[np.isfinite(one)]).max(initial=1.0))
    return np.allclose(one, other, _RELATIVE, _ABSOLUTE * largest, equal_nan=True)
