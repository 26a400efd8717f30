"""Rows that the sample lacks: its own with missing values and zeros put in, which a model may answer in its own way.

What an estimator does with a missing value was learnt in training, and is easily lost in a conversion; a sample without
one tells nothing of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from leadsman_package.authoring.inputs import Plan
from leadsman_package.authoring.originals import answers, by_output
from leadsman_package.authoring.parity import Difference, compare, words
from leadsman_package.authoring.sample import Array, brief
from leadsman_package.authoring.steps import by_trees, parts
from leadsman_package.errors import PackageError
from leadsman_package.manifest import Datatype, Tolerance

_MOST_ROWS = 300
"""Of each value."""
_MOST_PROBES = 50
"""Of each value; of more columns, several get it at once."""
_FRACTIONS: tuple[Datatype, ...] = ("FP32", "FP64")

Run = Callable[[Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, slots=True)
class Probe:
    """Rows of the sample, by their numbers, with one value put into some columns."""

    value: float
    columns: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """How many probe rows there were, how many the two answer differently, and a sentence for each value of these."""

    rows: int
    differing: int
    sentences: tuple[str, ...]


def probe(model: Any, planned: Plan, run: Run, outputs: Sequence[str], tolerance: Tolerance) -> Probed:
    """Compare the answers to rows that the original takes; `run` is the model in ONNX, `outputs` are those compared."""
    base, rows, differing, sentences = _in_fractions(planned), 0, 0, []
    for value in _values(model):
        asked = choose(_columns(planned, value), len(planned.table), value)
        found = [_compared(each, run, outputs, tolerance) for each in _answerable(model, base, asked)]
        rows += (count := sum(len(each.probes) * len(each.probes[0].rows) for each in found))
        differing += (wrong := sum(each.differing for each in found))
        if wrong:
            example = next(each.example for each in found if each.differing)
            sentences.append(_sentence(value, wrong, count, example, {each.datatype for each in planned.inputs}))
    return Probed(rows, differing, tuple(sentences))


def choose(columns: Sequence[str], rows: int, value: float) -> list[Probe]:
    """Return what is asked with a value: rows all over the sample for each column, or for several columns together."""
    count = min(len(columns), _MOST_PROBES)
    if not count:
        return []
    picked = np.linspace(0, rows - 1, min(rows, _MOST_ROWS // count)).astype(int)
    return [Probe(value, tuple(columns[at::count]), tuple(picked.tolist())) for at in range(count)]


@dataclass(frozen=True, slots=True)
class _Answered:
    """Probes that the original answers at once, and its answers."""

    probes: Sequence[Probe]
    plan: Plan
    given: list[Array]


@dataclass(frozen=True, slots=True)
class _Compared:
    """How many rows of probes differ, and words for the first."""

    probes: Sequence[Probe]
    differing: int
    example: str


def _values(model: Any) -> tuple[float, ...]:
    """Return what is put in: zero only where trees decide, as they may take it for missing."""
    return (nan, 0.0) if any(by_trees(part) for _, part in parts(model)) else (nan,)


def _columns(planned: Plan, value: float) -> list[str]:
    """Return the columns of numbers that can hold a value, in ONNX as well."""
    datatypes = _FRACTIONS if isnan(value) else (*_FRACTIONS, "INT64")
    names = [name for each in planned.inputs if each.datatype in datatypes for name in each.columns]
    return [name for name in names if _is_number(planned.table[name])]


def _is_number(column: pd.Series) -> bool:
    return types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)


def _in_fractions(planned: Plan) -> Plan:
    """Return the table with every column that may lack values in a type that can."""
    table = planned.table
    narrow = [name for name in _columns(planned, nan) if table[name].dtype != np.float64]
    wider = {name: table[name].to_numpy(np.float64, na_value=np.nan) for name in narrow}
    return replace(planned, table=table.assign(**wider))


def _with(planned: Plan, probes: Sequence[Probe]) -> Plan:
    tables = [
        planned.table.iloc[[*each.rows]].assign(**dict.fromkeys(each.columns, _typed(each.value))) for each in probes
    ]
    return replace(planned, table=pd.concat(tables, ignore_index=True))


def _typed(value: float) -> float | int:
    return value if isnan(value) else int(value)


def _answerable(model: Any, planned: Plan, probes: Sequence[Probe]) -> Iterator[_Answered]:
    """Yield what the original answers without an error: all at once, or else the halves by themselves."""
    if not probes:
        return
    plan = _with(planned, probes)
    try:
        yield _Answered(probes, plan, answers(model, plan.original()))
    except PackageError:
        middle = len(probes) // 2
        if middle:
            yield from _answerable(model, planned, probes[:middle])
            yield from _answerable(model, planned, probes[middle:])


def _compared(asked: _Answered, run: Run, outputs: Sequence[str], tolerance: Tolerance) -> _Compared:
    feed = asked.plan.feed()
    try:
        found = run(feed)
    except PackageError as error:
        return _Compared(asked.probes, len(asked.plan.table), f"fails: {error}")
    given = {name: answer for name, answer in by_output(asked.given, found).items() if name in outputs}
    numbers = {name: answer for name, answer in given.items() if answer.dtype.kind == "f"}
    # A label is that of the largest number, and a matter of rounding where two are equal.
    differences = compare(feed, numbers or given, found, tolerance).differences
    return _Compared(asked.probes, len(differences), _example(asked.probes, differences[0]) if differences else "")


def _example(probes: Sequence[Probe], first: Difference) -> str:
    size = len(probes[0].rows)
    asked = probes[first.row // size]
    where = f"row {asked.rows[first.row % size]} with {_told(asked.value)} in {brief([*asked.columns], 3)}"
    return f"{where} gives {words(first.found)}, by the original {words(first.expected)}"


def _sentence(value: float, differing: int, rows: int, example: str, datatypes: set[Datatype]) -> str:
    numbers = "try --numbers FP64; " if "FP32" in datatypes else ""
    advice = (
        "impute in a step before (as SimpleImputer does), or train without missing values"
        if isnan(value)
        else "train so that 0 is no missing value (as zero_as_missing=False)"
    )
    return (
        f"{differing} of {rows} probe rows, the sample's with {_told(value)} put in, are answered otherwise in ONNX "
        f"than by the original: {example}. What to do: {numbers}{advice}; put such rows in the sample to see where; "
        "if requests never have them, --allow-differences makes the package all the same"
    )


def _told(value: float) -> str:
    return "a missing value" if isnan(value) else "0"
