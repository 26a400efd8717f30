"""The signature of a model with what a sample tells of its inputs: ranges, categories, missing values. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leadsman_package.authoring.columns import Column
from leadsman_package.authoring.sample import Array
from leadsman_serving.signature import Signature, TensorSpec

_MOST_CATEGORIES = 100
_LEAST_REPEATS = 2
"""How often a category comes on average; strings that come less often are texts."""


def signature(
    given: Signature, feed: Mapping[str, Array], features: Mapping[str, Sequence[str]], labels: Mapping[str, list[Any]]
) -> dict[str, Any]:
    """Return the `signature` of a manifest; `features` and `labels` name the last axes of inputs and outputs."""
    inputs = [_input(spec, feed[spec.name], features.get(spec.name)) for spec in given.inputs]
    outputs = [
        {**_tensor(spec), **({"labels": labels[spec.name]} if spec.name in labels else {})} for spec in given.outputs
    ]
    return {"inputs": inputs, "outputs": outputs}


def _input(spec: TensorSpec, array: Array, names: Sequence[str] | None) -> dict[str, Any]:
    if names is None or len(names) < 2 or spec.shape[-1:] != (len(names),):
        return {**_tensor(spec), **_rules(Column(spec.name, None, _datatype(spec), array.reshape(-1)))}
    cells = array.reshape(-1, len(names))
    told = [
        {"name": name, **_rules(Column(spec.name, name, _datatype(spec), cells[:, at]))}
        for at, name in enumerate(names)
    ]
    return {**_tensor(spec), "features": told}


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": [_size(size) for size in spec.shape]}


def _size(size: int | str | None) -> int | str:
    return -1 if size is None or size == "" else size


def _datatype(spec: TensorSpec) -> Any:
    return spec.datatype


def _rules(column: Column) -> dict[str, Any]:
    kind = column.values.dtype.kind
    if kind == "b":
        return {}
    rules: dict[str, Any] = {} if kind in "iu" else {"missing": "allowed" if column.missing().any() else "refused"}
    present = column.present()
    if kind in "iuf":
        return (
            {"range": {"min": number(present.min()), "max": number(present.max())}, **rules} if present.size else rules
        )
    categories = sorted(set(present.tolist()))
    few = 0 < len(categories) <= _MOST_CATEGORIES and len(categories) * _LEAST_REPEATS <= len(present)
    return {"categories": categories, **rules} if few else rules


def number(value: Any) -> int | float:
    """Return a number of Python with no more digits than it takes to tell the number from others of its type."""
    return float(str(value)) if isinstance(value, np.floating) else int(value)
