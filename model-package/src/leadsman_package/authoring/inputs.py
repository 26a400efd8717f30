"""Which inputs an estimator has in ONNX, and the sample as each of the two takes it."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from leadsman_package.authoring.sample import Array, Sample, brief
from leadsman_package.authoring.steps import describe, parts
from leadsman_package.errors import PackageError
from leadsman_package.manifest import Datatype

MATRIX = "input"
"""The name of the one input of an estimator that takes a matrix."""
_TEXT = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
_MADE_UP = re.compile(r"(Column_|f|x)\d+")  # the names that LightGBM and XGBoost give to columns without any
_NUMPY: dict[Datatype, Any] = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One input of the model in ONNX: a matrix of columns, or one column by itself."""

    name: str
    datatype: Datatype
    columns: tuple[str, ...]

    def array(self, table: pd.DataFrame) -> Array:
        """Return what the input is fed with, two-dimensional."""
        columns = [_column(table[name], self.datatype) for name in self.columns]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """All inputs, and the table as the estimator takes it: with names, as a plain matrix, or as texts."""

    inputs: tuple[InputPlan, ...]
    table: pd.DataFrame
    named: bool
    text: bool

    def feed(self) -> dict[str, Array]:
        """Return what the model in ONNX is fed with."""
        return {each.name: each.array(self.table) for each in self.inputs}

    def original(self) -> Any:
        """Return what the estimator is called with."""
        if self.text:
            return _column(self.table.iloc[:, 0], "BYTES")
        return self.table if self.named else self.table.to_numpy()


def plan(model: Any, sample: Sample, numbers: Datatype) -> Plan:
    """Return the inputs of an estimator; `numbers` is what numbers with a fraction are in ONNX, FP32 or FP64.

    Raises PackageError when the sample does not hold what the estimator was fitted on.
    """
    names = _names(model)
    table = _as_table(sample, names)
    if names is not None and all(map(_MADE_UP.fullmatch, names)) and not {*names} <= {*table.columns}:
        names = None
    table = table if names is None else _chosen(table, names, sample)
    _check_count(model, table, sample)
    kinds = {str(name): _kind(table[name], str(name), sample, numbers) for name in table.columns}
    first = _first(model)
    if type(first).__name__ in _TEXT:
        return _of_text(first, table, kinds, sample)
    if type(first).__name__ == "ColumnTransformer":
        inputs = tuple(InputPlan(name, kind, (name,)) for name, kind in kinds.items())
        return Plan(inputs, table, named=names is not None, text=False)
    datatype: Datatype = numbers if "BYTES" not in kinds.values() else "BYTES"
    if datatype == "BYTES" and {*kinds.values()} != {"BYTES"}:
        strings = [name for name, kind in kinds.items() if kind == "BYTES"]
        raise PackageError(
            f"columns {brief(strings)} of {sample.path} hold strings and others numbers, which "
            f"{describe('', first)} takes as one matrix; expected only numbers, or a pipeline with a ColumnTransformer"
        )
    return Plan((InputPlan(MATRIX, datatype, tuple(kinds)),), table, named=names is not None, text=False)


def _of_text(first: Any, table: pd.DataFrame, kinds: dict[str, Datatype], sample: Sample) -> Plan:
    if [*kinds.values()] != ["BYTES"]:
        raise PackageError(
            f"{sample.path} has the columns {brief([*kinds])}; expected one column of strings, "
            f"which is what {describe('', first)} takes"
        )
    (name,) = kinds
    return Plan((InputPlan(name, "BYTES", (name,)),), table, named=False, text=True)


def _first(model: Any) -> Any:
    """Return what sees the data first."""
    inner = getattr(model, "best_estimator_", None)
    if inner is not None:
        return _first(inner)
    steps = [step for _, step in getattr(model, "steps", ()) if step not in (None, "passthrough")]
    if steps:
        return _first(steps[0])
    wrapped = [each for _, each in parts(model) if type(each).__name__ == "ColumnTransformer"]
    return wrapped[0] if wrapped else model


def _names(model: Any) -> list[str] | None:
    try:
        names = getattr(model, "feature_names_in_", None)
    except Exception:  # XGBoost's raises what it likes where there are none
        return None
    return None if names is None else [str(name) for name in names]


def _as_table(sample: Sample, names: list[str] | None) -> pd.DataFrame:
    if sample.table is not None:
        return sample.table
    arrays = sample.arrays
    if len(arrays) == 1 and next(iter(arrays.values())).ndim == 2:
        (array,) = arrays.values()
        named = names if names is not None and len(names) == array.shape[1] else None
        return pd.DataFrame(array, columns=named or [f"x{at}" for at in range(array.shape[1])])
    if any(array.ndim != 1 for array in arrays.values()):
        shapes = ", ".join(f"{name}: {list(array.shape)}" for name, array in arrays.items())
        raise PackageError(f"{sample.path} has {shapes}; expected one array of rows and columns, or one of each column")
    return pd.DataFrame(arrays)


def _chosen(table: pd.DataFrame, names: list[str], sample: Sample) -> pd.DataFrame:
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise PackageError(
            f"{sample.path} lacks the columns {brief(lacking)}, which the estimator was fitted on; "
            f"it has {brief([*table.columns])}"
        )
    return table[names]


def _check_count(model: Any, table: pd.DataFrame, sample: Sample) -> None:
    count = getattr(model, "n_features_in_", None)
    if count is not None and count != table.shape[1]:
        raise PackageError(
            f"{sample.path} has {table.shape[1]} columns, {brief([*table.columns])}, but the estimator was fitted on "
            f"{count}; expected these (name the column of labels by --target)"
        )


def _kind(column: pd.Series, name: str, sample: Sample, numbers: Datatype) -> Datatype:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _kind(column.astype(dtype.categories.dtype), name, sample, numbers)
    missing = bool(column.isna().any())
    if types.is_bool_dtype(dtype) and not missing:
        return "BOOL"
    if types.is_integer_dtype(dtype) and not missing:
        return "INT64"
    if (
        types.is_float_dtype(dtype)
        or types.is_integer_dtype(dtype)
        or types.is_bool_dtype(dtype)
        or column.isna().all()
    ):
        return numbers
    odd = next((row for row, value in enumerate(column) if not isinstance(value, str) and not pd.isna(value)), None)
    if odd is None:
        return "BYTES"
    raise PackageError(
        f"column {name!r} of {sample.path} is {dtype}, as {str(column.iloc[odd])[:60]!r} in row {odd}; "
        "expected numbers, strings, or true and false"
    )


def _column(column: pd.Series, datatype: Datatype) -> Array:
    if datatype == "BYTES":
        strings = np.empty(len(column), dtype=object)
        strings[:] = ["" if pd.isna(value) else str(value) for value in column]
        return strings
    if datatype in ("FP32", "FP64"):
        with np.errstate(over="ignore"):  # becomes infinity, which parity will tell
            return np.asarray(column.to_numpy(np.float64, na_value=np.nan)).astype(_NUMPY[datatype])
    return np.asarray(column.to_numpy(_NUMPY[datatype]))
