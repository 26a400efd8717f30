"""Tensors as columns with names: what is told of them one by one. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from leadsman_package.authoring.sample import Array
from leadsman_package.manifest import Datatype

_MOST = 512
"""Columns without names of a tensor that are told apart."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one feature, or all values of a tensor; flat."""

    tensor: str
    feature: str | None
    datatype: Datatype
    values: Array

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.feature or self.tensor

    def missing(self) -> Array:
        """Return where there is no value."""
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        return self.values == "" if self.values.dtype.kind == "O" else np.zeros(len(self.values), bool)

    def present(self) -> Array:
        """Return the values that there are; of numbers, the finite ones."""
        kept = self.values[~self.missing()]
        return kept[np.isfinite(kept)] if kept.dtype.kind == "f" else kept


def columns(tensor: str, datatype: Datatype, array: Array, names: Sequence[str] | None) -> Iterator[Column]:
    """Yield the columns of a tensor: by the names of its last axis, or by number, or as one where they are too many."""
    width = array.shape[-1] if array.ndim > 1 else 1
    cells = array.reshape(-1, width) if array.size else array.reshape(0, width)
    if names is not None and len(names) == width and array.ndim > 1:
        for at, name in enumerate(names):
            yield Column(tensor, name, datatype, cells[:, at])
    elif array.ndim == 2 and 1 < width <= _MOST:
        for at in range(width):
            yield Column(tensor, str(at), datatype, cells[:, at])
    else:
        yield Column(tensor, None, datatype, cells.reshape(-1))
