"""Whether the model in ONNX answers as the original does, row by row. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leadsman_package.authoring.sample import Array
from leadsman_package.manifest import Parity, Tolerance

_MOST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that the two answer differently; the answers by output."""

    row: int
    inputs: dict[str, Any]
    expected: dict[str, Any]
    found: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows compared."""

    parity: Parity
    differences: tuple[Difference, ...]


def compare(
    feed: Mapping[str, Array], expected: Mapping[str, Array], found: Mapping[str, Array], tolerance: Tolerance
) -> Comparison:
    """Return how what was found compares with what was expected, by output; row numbers begin at 0."""
    rows = len(next(iter(feed.values())))
    differs = np.zeros(rows, bool)
    largest: float | None = None
    for name, wanted in expected.items():
        got = found[name]
        differs |= ~close(wanted, got, tolerance).reshape(rows, -1).all(axis=1)
        if got.dtype.kind == "f":
            largest = max(largest or 0.0, _largest(wanted, got))
    differences = tuple(
        Difference(
            row,
            {name: plain(array[row]) for name, array in feed.items()},
            {name: plain(array[row]) for name, array in expected.items()},
            {name: plain(found[name][row]) for name in expected},
        )
        for row in np.flatnonzero(differs).tolist()
    )
    parity = Parity(rows=rows, differing=len(differences), tolerance=tolerance, largest_difference=largest)
    return Comparison(parity, differences)


def with_probes(comparison: Comparison, rows: int, differing: int) -> Comparison:
    """Return a comparison that tells of the probe rows, too."""
    told = comparison.parity.model_copy(update={"probe_rows": rows, "probes_differing": differing})
    return replace(comparison, parity=told)


def close(expected: Array, found: Array, tolerance: Tolerance) -> Array:
    """Return where two arrays are as good as equal: numbers within the tolerance, and all else exactly."""
    if found.dtype.kind != "f":
        return np.asarray(expected == found)
    return np.isclose(
        found.astype(np.float64), expected, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True
    )


def plain(value: Any) -> Any:
    """Return a row of an array as lists, numbers and strings of Python; a row of one value as that."""
    listed = np.asarray(value).reshape(-1).tolist()
    return listed[0] if len(listed) == 1 else listed


def words(values: Mapping[str, Any]) -> str:
    """Return values by name as a short text for people."""
    text = ", ".join(f"{name}={_value(value)}" for name, value in values.items())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f"{value:.7g}" if isinstance(value, float) else repr(value)


def _largest(expected: Array, found: Array) -> float:
    with np.errstate(invalid="ignore"):
        apart = np.abs(expected - found.astype(np.float64))
    finite = apart[np.isfinite(apart)]
    return float(f"{finite.max():.3g}") if finite.size else 0.0
