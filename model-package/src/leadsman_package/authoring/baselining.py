"""What the data of a sample looks like, and what the model answers to it. Pure."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from leadsman_package import baseline
from leadsman_package.authoring.columns import Column
from leadsman_package.authoring.sample import Array

_BINS = 20
_MOST_CATEGORIES = 100
_MOST_CHARACTERS = 256


def describe(rows: int, inputs: Sequence[Column], outputs: Sequence[Column]) -> baseline.Baseline:
    """Return the baseline of all columns of the inputs and outputs."""
    return baseline.Baseline(rows=rows, inputs=tuple(map(_column, inputs)), outputs=tuple(map(_column, outputs)))


def _column(column: Column) -> baseline.Column:
    present = column.present()
    told = baseline.Column(
        tensor=column.tensor,
        feature=column.feature,
        datatype=column.datatype,
        values=len(column.values),
        missing=int(column.missing().sum()),
    )
    if not present.size:
        return told
    if column.values.dtype.kind in "Ob":
        counts = Counter(_text(value) for value in present.tolist())
        kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        other = sum(count for _, count in kept[_MOST_CATEGORIES:])
        return told.model_copy(update={"categories": dict(kept[:_MOST_CATEGORIES]), "other": other or None})
    numbers = present.astype(np.float64)
    return told.model_copy(
        update={
            "mean": _rounded(numbers.mean()),
            "quantiles": {str(q): _rounded(np.quantile(numbers, q)) for q in baseline.QUANTILES},
            "histogram": _histogram(numbers),
        }
    )


def _histogram(numbers: Array) -> baseline.Histogram:
    values = np.unique(numbers)
    if len(values) <= _BINS:  # a bin for each, the last from it to itself
        counts, _ = np.histogram(numbers, edges := np.append(values, values[-1]))
        return baseline.Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))
    # Values of the data itself rather than between two of them: no rounding can move one across an edge.
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1), method="nearest"))
    counts, _ = np.histogram(numbers, edges)
    return baseline.Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:_MOST_CHARACTERS]


def _rounded(number: float) -> float:
    return float(f"{number:.9g}")
