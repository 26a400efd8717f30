"""Outputs of models: as JSON has them, where two differ, and in which rows two models say the same. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import orjson

from leadsman_package.manifest import Tolerance
from leadsman_serving.errors import ServingError
from leadsman_serving.schema import brief
from leadsman_serving.signature import Tensor
from leadsman_serving.tensors import DTYPES, Array, check_rank, decode

Outputs = Mapping[str, Tensor]
"""By name."""

SHARE = 1e-3
"""By how much numbers of two models may differ and still agree, as a share of the larger: as in a shadow step."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an output is not as expected. `times`: how many of its values are not, of so many."""

    output: str
    index: tuple[int, ...] | None
    expected: str
    found: str
    times: int = 1
    values: int = 1

    def __str__(self) -> str:
        place = f"{self.output}{list(self.index)}" if self.index else self.output
        more = f" ({self.times} of {self.values} values differ)" if self.times > 1 else ""
        return f"output {place}: expected {self.expected}, found {self.found}{more}"


def parse_response(body: bytes) -> Outputs:
    """Return the outputs in the JSON body of an infer response. Raises ValueError that says what is wrong."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error}") from None
    given = document.get("outputs") if isinstance(document, dict) else None
    if not isinstance(given, list) or not given:
        raise ValueError("no infer response; expected an object with a list 'outputs'")
    outputs: dict[str, Tensor] = {}
    for index, item in enumerate(given):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name in outputs:
            raise ValueError(f"outputs[{index}] has no name of its own")
        outputs[name] = _tensor(name, item)
    return outputs


def _tensor(name: str, item: Mapping[str, object]) -> Tensor:
    datatype, shape = item.get("datatype"), item.get("shape")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise ValueError(f"output {name!r} has the datatype {brief(datatype)}; expected one of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"output {name!r}: 'shape' must be a list of whole numbers that are not negative")
    try:
        check_rank(name, shape)
        return Tensor(datatype, decode(name, datatype, shape, item.get("data")))
    except ServingError as error:
        raise ValueError(error.message.replace("input ", "output ", 1)) from None


def differences(expected: Outputs, found: Outputs, tolerance: Tolerance) -> list[Difference]:
    """Return where each output that is expected is not so, at the place with the largest difference."""
    told = (_difference(name, one, found.get(name), tolerance) for name, one in expected.items())
    return [difference for difference in told if difference is not None]


def _difference(name: str, expected: Tensor, found: Tensor | None, tolerance: Tolerance) -> Difference | None:
    if found is None:
        return Difference(name, None, "this output", "none of that name")
    if expected.datatype != found.datatype:
        return Difference(name, None, expected.datatype, found.datatype)
    if expected.array.shape != found.array.shape:
        return Difference(name, None, f"shape {[*expected.array.shape]}", f"shape {[*found.array.shape]}")
    wrong, distance = _wrong(expected.array, found.array, tolerance)
    times = int(np.count_nonzero(wrong))
    if not times:
        return None
    index = tuple(map(int, np.unravel_index(int(np.where(wrong, distance, -1).argmax()), wrong.shape)))
    said = _value(expected.array, index), _value(found.array, index)
    return Difference(name, index, said[0], said[1], times, expected.array.size)


def _wrong(expected: Array, found: Array, tolerance: Tolerance) -> tuple[Array, Array]:
    """Return which values differ by more than they may, and how far each is off."""
    if expected.dtype.kind == "f":
        one, other = expected.astype(np.float64), found.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            wrong = ~np.isclose(other, one, tolerance.relative, tolerance.absolute, equal_nan=True)
            return wrong, np.nan_to_num(np.abs(one - other), nan=np.inf)
    wrong = np.not_equal(expected, found).astype(bool)
    # Of whole numbers a tolerance says nothing: they are labels and counts.
    return wrong, wrong.astype(np.float64)


def _value(array: Array, index: tuple[int, ...]) -> str:
    value = array[index]
    if array.dtype.kind == "f":
        # JSON has no NaN, and null stands for it.
        return "null" if np.isnan(value) else _number(value)
    return brief(value.item() if isinstance(value, np.generic) else value)


def _number(value: np.floating[Any]) -> str:
    plain = value == 0 or 1e-4 <= abs(float(value)) < 1e16
    return np.format_float_positional(value, trim="0") if plain else str(value)


def agreeing_rows(one: Outputs, other: Outputs) -> tuple[int, int]:
    """Return in how many rows the outputs that both have say the same, and how many rows there are.

    As in a shadow step: labels (whole numbers, booleans, strings) are equal; of several numbers, as scores of classes
    are, the largest stands at the same place; other numbers differ by SHARE at most. Rows are along the first axis,
    where all outputs of `one` have the same; else all of it is one row.
    """
    common = [(tensor.array, other[name].array) for name, tensor in one.items() if name in other]
    rows = _rows([array for array, _ in common])
    agree = np.ones(rows, bool)
    for mine, others in common:
        agree &= _same_rows(mine, others, rows) if mine.shape == others.shape else False
    return int(np.count_nonzero(agree)), rows


def _rows(arrays: Sequence[Array]) -> int:
    sizes = {array.shape[0] if array.ndim else -1 for array in arrays}
    size = sizes.pop() if len(sizes) == 1 else -1
    return size if size >= 0 else 1


def _same_rows(one: Array, other: Array, rows: int) -> Array:
    if one.size == 0:
        return np.ones(rows, bool)
    if one.dtype.kind != "f" or other.dtype.kind != "f":
        same: Array = np.equal(one, other).astype(bool)
    elif one.ndim > 1 and one.shape[-1] > 1:
        same = np.asarray(one.argmax(axis=-1) == other.argmax(axis=-1))
    else:
        first, second = one.astype(np.float64), other.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            close = (first == second) | (np.abs(first - second) <= SHARE * np.maximum(np.abs(first), np.abs(second)))
        same = close | (np.isnan(first) & np.isnan(second))
    return np.asarray(same.reshape(rows, prod(same.shape) // rows).all(axis=1))
