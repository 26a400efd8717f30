"""Answers to infer requests as the serving pods recorded them, and when two of them agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isclose, isnan, nan

Value = bool | int | float | str
_NOT_FINITE = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}


@dataclass(frozen=True, slots=True)
class Output:
    """One output of an answer, its values row by row. Numbers that JSON does not have are strings, such as "NaN"."""

    name: str
    shape: tuple[int, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `seq` numbers the answers of a process from 1; `at` is by the pod's clock, in Unix seconds.

    `id` is the request's, the same for the original and for its copy to the other revision.
    """

    seq: int
    at: float
    id: str
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class PodAnswers:
    """What one pod has recorded: `now` is its clock, `last` the number of the latest answer, recorded or since gone."""

    now: float
    last: int
    answers: tuple[Answer, ...]


def agree(one: Answer, other: Answer, tolerance: float) -> bool:
    """Whether two answers to the same request say the same.

    Labels (whole numbers, booleans, strings) must be equal. Of rows of several floating-point numbers, which are the
    scores of classes, the largest must stand at the same place. Other floating-point numbers may differ by `tolerance`,
    a share of the larger one.
    """
    outputs = {output.name: output for output in one.outputs}
    others = {output.name: output for output in other.outputs}
    return outputs.keys() == others.keys() and all(
        _same(output, others[name], tolerance) for name, output in outputs.items()
    )


def _same(one: Output, other: Output, tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    numbers, others = _numbers(one.values), _numbers(other.values)
    if numbers is None or others is None or not any(isinstance(number, float) for number in (*numbers, *others)):
        return one.values == other.values
    columns = one.shape[-1] if one.shape else 1
    if columns > 1:
        return _tops(numbers, columns) == _tops(others, columns)
    return all(_close(a, b, tolerance) for a, b in zip(numbers, others, strict=True))


def _numbers(values: Sequence[Value]) -> list[float] | None:
    """The values as numbers; None where some are other strings than those that stand for numbers."""
    numbers: list[float] = []
    for value in values:
        number = _NOT_FINITE.get(value) if isinstance(value, str) else value
        if number is None:
            return None
        numbers.append(number)
    return numbers


def _tops(numbers: Sequence[float], columns: int) -> list[int]:
    """The place of each row's largest number, the first of several; NaN counts as the largest, as in numpy."""
    rows = [numbers[start : start + columns] for start in range(0, len(numbers), columns)]
    ranked = [[(isnan(number), 0.0 if isnan(number) else number) for number in row] for row in rows]
    return [row.index(max(row)) for row in ranked]


def _close(one: float, other: float, tolerance: float) -> bool:
    return isclose(one, other, rel_tol=tolerance) or (isnan(one) and isnan(other))
