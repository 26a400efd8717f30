"""Golden requests: rows of the sample that show what the model does, edges included, and what it answers to them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from leadsman_package.authoring.columns import Column
from leadsman_package.authoring.sample import Array
from leadsman_package.errors import PackageError
from leadsman_serving.errors import ServingError
from leadsman_serving.model import OnnxModel
from leadsman_serving.oip_json import parse_request
from leadsman_serving.tensors import encode

_BATCH = 8
"""Rows of the request with several."""
_MOST_CHARACTERS = 128
_REASONS = 3
_FIRST = 3
"""Rows from the beginning, as the data is."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as JSON, by their paths in the package."""

    name: str
    request: str
    response: str
    asked: bytes
    answered: bytes


def choose(columns: Sequence[Column], rows: int, most: int) -> list[tuple[int, str]]:
    """Return the numbers of at most `most` rows, and what each of them shows.

    Those come first that few rows show: missing values, the rarest categories, the least and the most of numbers.
    """
    reasons: dict[int, list[str]] = {0: ["the first"]}
    for row, reason in _edges(columns, rows):
        reasons.setdefault(row, []).append(reason)
    chosen = [*reasons][:most]
    chosen += [row for row in range(min(rows, most + _FIRST)) if row not in reasons][: most - len(chosen)]
    return [(row, _told(row, reasons.get(row, []))) for row in sorted(chosen)]


def exchanges(
    model: OnnxModel, feed: Mapping[str, Array], chosen: Sequence[tuple[int, str]], name: str, version: str
) -> Iterator[Exchange]:
    """Yield the requests of the chosen rows and, where the model takes it, one of several rows, with their answers."""
    rows = len(next(iter(feed.values())))
    for row, told in chosen:
        yield _exchange(model, _rows(feed, [row]), told, f"row-{row}", (name, version))
    several = [row for row, _ in chosen][:_BATCH]
    takes_several = all(not spec.shape or spec.shape[0] != 1 for spec in model.signature.inputs)
    if takes_several and rows > 1 and len(several) > 1:
        yield _exchange(model, _rows(feed, several), f"{len(several)} rows at once", "batch", (name, version))


def _rows(feed: Mapping[str, Array], rows: Sequence[int]) -> dict[str, Array]:
    return {name: array[list(rows)] for name, array in feed.items()}


def _exchange(model: OnnxModel, feed: Mapping[str, Array], told: str, stem: str, who: tuple[str, str]) -> Exchange:
    datatypes = {spec.name: spec.datatype for spec in (*model.signature.inputs, *model.signature.outputs)}
    asked = _json({"inputs": [_tensor(name, datatypes[name], array) for name, array in feed.items()]})
    try:
        # By way of its bytes, so that this is what the server will compute.
        taken = model.signature.check_inputs(parse_request(asked).request.inputs)
        found = model.run(taken, model.signature.output_names)
    except ServingError as error:
        raise PackageError(f"{told}: {error.message}") from None
    outputs = [
        _tensor(name, datatypes[name], array) for name, array in zip(model.signature.output_names, found, strict=True)
    ]
    answered = _json({"model_name": who[0], "model_version": who[1], "outputs": outputs})
    return Exchange(told, f"samples/{stem}.json", f"golden/{stem}.json", asked, answered)


def _tensor(name: str, datatype: str, array: Array) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": encode(np.ascontiguousarray(array))}


def _json(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def _edges(columns: Sequence[Column], rows: int) -> Iterator[tuple[int, str]]:
    """Yield rows at the edges of the data, by kind of edge and then by column."""
    told = [column for column in columns if len(column.values) == rows]
    for column in told:
        missing = column.missing()
        if missing.any():
            yield int(missing.argmax()), f"{column.name} missing"
    for column in told:
        if column.values.dtype.kind in "Ob":
            yield from _rarest(column)
    for column in told:
        if column.values.dtype.kind in "iuf" and column.present().size > 1:
            values = (
                np.where(np.isfinite(column.values), column.values, math.nan) if _is_float(column) else column.values
            )
            yield int(np.nanargmin(values)), f"least {column.name}"
            yield int(np.nanargmax(values)), f"most {column.name}"


def _is_float(column: Column) -> bool:
    return column.values.dtype.kind == "f"


def _rarest(column: Column) -> Iterator[tuple[int, str]]:
    counts = Counter(column.present().tolist())
    if 1 < len(counts) < len(column.values):
        value, _ = min(counts.items(), key=lambda item: (item[1], str(item[0])))
        row = next(at for at, each in enumerate(column.values.tolist()) if each == value)
        yield row, f"rarest {column.name}"


def _told(row: int, reasons: Sequence[str]) -> str:
    more = [f"{len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
    text = f"row {row}" + (f": {', '.join([*reasons[:_REASONS], *more])}" if reasons else "")
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
