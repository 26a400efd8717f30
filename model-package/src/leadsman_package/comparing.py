"""What changed from one model to another: for callers, in quality, in what it was made from, in its files. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from leadsman_package.compatibility import Change, changes
from leadsman_package.drift import Drift, drift
from leadsman_package.inspecting import Inspection

_TOLD_ELSEWHERE = frozenset({"apiVersion", "signature", "golden", "files", "baseline", "evaluation.metrics"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the manifest that is not the same; None: it is not there."""

    name: str
    was: object
    now: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs. `metrics`, `fields` and `files` hold only what is not the same."""

    same: bool
    """Whether it is the very same model, by digest."""
    signature: tuple[Change, ...] | None
    """None: one of them has a signature that cannot be told."""
    metrics: tuple[Field, ...]
    fields: tuple[Field, ...]
    drift: tuple[Drift, ...]
    files: tuple[Field, ...]


def compare(one: Inspection, other: Inspection) -> Comparison:
    """Return what changed from one to the other."""
    return Comparison(
        same=one.digest == other.digest,
        signature=changes(one.signature, other.signature) if one.signature and other.signature else None,
        metrics=tuple(_differing(_metrics(one), _metrics(other))),
        fields=tuple(_differing(_fields(one), _fields(other))),
        drift=drift(one.baseline, other.baseline) if one.baseline and other.baseline else (),
        files=tuple(_differing(_files(one), _files(other))),
    )


def _differing(was: dict[str, Any], now: dict[str, Any]) -> Iterator[Field]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            yield Field(name, was.get(name), now.get(name))


def _metrics(one: Inspection) -> dict[str, Any]:
    evaluation = one.manifest.evaluation if one.manifest else None
    return dict(evaluation.metrics) if evaluation else {}


def _fields(one: Inspection) -> dict[str, Any]:
    return dict(_flat(one.manifest, "")) if one.manifest else {}


def _files(one: Inspection) -> dict[str, Any]:
    return {file.path: file.digest for file in one.files}


def _flat(part: BaseModel, above: str) -> Iterator[tuple[str, object]]:
    """Yield the values of a part's fields by their paths, as training.dataset.uri."""
    for name, field in type(part).model_fields.items():
        path = f"{above}{field.alias or name}"
        value = getattr(part, name)
        if path in _TOLD_ELSEWHERE or value is None:
            continue
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{path}.")
        elif isinstance(value, dict):
            yield from ((f"{path}.{key}", each) for key, each in value.items())
        else:
            yield path, value
