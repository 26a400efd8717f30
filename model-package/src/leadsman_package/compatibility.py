"""Whether callers of one model can call another: what differs between two signatures, and what of it breaks them. Pure.

A caller is broken by what it sends or reads: an input or output that is gone, or has another datatype, shape, unit,
order of columns or of labels. An input that came is as bad, since ONNX has no optional inputs: a request without it is
refused. (An initialiser that may be overridden is no input of ONNX Runtime and none of a signature, so that one which
came is no difference.) An output that came is only more to read. What is known of values, as ranges and categories, is
noted and breaks nobody by itself; so are other places in the order of inputs or outputs, which requests name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from leadsman_package.manifest import Dimension, Feature, Input, Output, Range, Rules, Signature

Kind = Literal["removed", "added", "retyped", "reshaped", "renamed", "reordered", "redefined", "widened", "narrowed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `where` and `what` are the two halves of a sentence: "input 'age'", "is gone"."""

    breaking: bool
    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}"


def changes(old: Signature, new: Signature) -> tuple[Change, ...]:
    """Return what differs for callers of `old` who call `new`; the breaking ones first."""
    found = [*_of_inputs(old, new), *_of_outputs(old, new)]
    return tuple(sorted(found, key=lambda change: not change.breaking))


def _of_inputs(old: Signature, new: Signature) -> Iterator[Change]:
    before, after = {one.name: one for one in old.inputs}, {one.name: one for one in new.inputs}
    for name, was in before.items():
        where = f"input {name!r}"
        if name not in after:
            yield Change(True, "removed", where, "is gone")
        else:
            now = after[name]
            yield from _retyped(where, was, now)
            yield from _reshaped(where, was.shape, now.shape, narrower_breaks=True)
            yield from _rules(where, was, now)
            yield from _features(where, was.features, now.features)
    for name, now in after.items():
        if name not in before:
            yield Change(True, "added", f"input {name!r}", f"came ({_described(now)}), which no request gives yet")
    yield from _reordered("inputs", list(before), list(after))


def _of_outputs(old: Signature, new: Signature) -> Iterator[Change]:
    before, after = {one.name: one for one in old.outputs}, {one.name: one for one in new.outputs}
    for name, was in before.items():
        where = f"output {name!r}"
        if name not in after:
            yield Change(True, "removed", where, "is gone")
        else:
            now = after[name]
            yield from _retyped(where, was, now)
            yield from _reshaped(where, was.shape, now.shape, narrower_breaks=False)
            yield from _redefined(where, "unit", was.unit, now.unit)
            yield from _redefined(where, "labels", was.labels, now.labels)
    for name, came in after.items():
        if name not in before:
            yield Change(False, "added", f"output {name!r}", f"came ({_described(came)})")
    yield from _reordered("outputs", list(before), list(after))


def _retyped(where: str, was: Input | Output, now: Input | Output) -> Iterator[Change]:
    if was.datatype != now.datatype:
        yield Change(True, "retyped", where, f"is {now.datatype}, was {was.datatype}")


def _reshaped(
    where: str, was: tuple[Dimension, ...], now: tuple[Dimension, ...], *, narrower_breaks: bool
) -> Iterator[Change]:
    """Compare sizes; any two that leave the size free are alike, whatever their names.

    No sizes are those of a scalar, or of a shape that nobody knows: ONNX Runtime does not tell them apart.
    """
    sizes = [tuple(one if isinstance(one, int) and one >= 0 else None for one in shape) for shape in (was, now)]
    if sizes[0] == sizes[1]:
        return
    pairs = [pair for pair in zip(*sizes, strict=False) if pair[0] != pair[1]]
    narrower = any(new is not None for _, new in pairs)
    wider = any(old is not None for old, _ in pairs)
    known = bool(was and now)
    breaking = known and (len(was) != len(now) or (narrower and wider) or narrower is narrower_breaks)
    yield Change(breaking, "reshaped", where, f"has the shape {_shape(now)}, had {_shape(was)}")


def _rules(where: str, was: Rules, now: Rules) -> Iterator[Change]:
    yield from _redefined(where, "unit", was.unit, now.unit)
    yield from _range(where, was.range or Range(), now.range or Range())
    yield from _categories(where, was, now)
    if (was.missing == "refused") != (now.missing == "refused"):
        kind: Kind = "narrowed" if now.missing == "refused" else "widened"
        yield Change(False, kind, where, f"now has missing values {'refused' if kind == 'narrowed' else 'not refused'}")


def _range(where: str, was: Range, now: Range) -> Iterator[Change]:
    if (was.min, was.max) == (now.min, now.max):
        return
    least, most = _ends(now)
    narrowed = least > _ends(was)[0] or most < _ends(was)[1]
    kind: Kind = "narrowed" if narrowed else "widened"
    yield Change(False, kind, where, f"lies between {_between(now)}, before between {_between(was)}")


def _categories(where: str, was: Rules, now: Rules) -> Iterator[Change]:
    if was.categories is None or now.categories is None:
        if was.categories is not now.categories:
            kind: Kind = "narrowed" if was.categories is None else "widened"
            yield Change(False, kind, where, f"has {_counted(now)}, before {_counted(was)}")
        return
    gone = [one for one in was.categories if one not in now.categories]
    came = [one for one in now.categories if one not in was.categories]
    if gone:
        yield Change(False, "narrowed", where, f"no longer has {_listed(gone)}")
    if came:
        yield Change(False, "widened", where, f"now also has {_listed(came)}")


def _features(where: str, was: tuple[Feature, ...] | None, now: tuple[Feature, ...] | None) -> Iterator[Change]:
    """Compare columns by their places: a request holds only their values, so another name there is another meaning."""
    if was is None or now is None:
        return
    for place, (old, new) in enumerate(zip(was, now, strict=False)):
        if old.name != new.name:
            yield Change(True, "renamed", where, f"has {new.name!r} in column {place}, where it had {old.name!r}")
        else:
            yield from _rules(f"{where}, feature {old.name!r}", old, new)


def _redefined(where: str, what: str, was: object, now: object) -> Iterator[Change]:
    """Compare a meaning; only one that was stated and is stated otherwise has changed."""
    if was is not None and now is not None and was != now:
        yield Change(True, "redefined", where, f"has the {what} {_listed(now)}, had {_listed(was)}")


def _reordered(what: str, was: list[str], now: list[str]) -> Iterator[Change]:
    kept = [name for name in now if name in was]
    if kept != [name for name in was if name in now]:
        yield Change(False, "reordered", f"the {what}", f"are in the order {_listed(now)}, were {_listed(was)}")


def _ends(known: Range) -> tuple[float, float]:
    return (-float("inf") if known.min is None else known.min, float("inf") if known.max is None else known.max)


def _between(known: Range) -> str:
    return f"{'-∞' if known.min is None else known.min} and {'∞' if known.max is None else known.max}"


def _counted(rules: Rules) -> str:
    return "any value" if rules.categories is None else f"{len(rules.categories)} categories"


def _described(one: Input | Output) -> str:
    return f"{one.datatype} {_shape(one.shape)}"


def _shape(shape: tuple[Dimension, ...]) -> str:
    return f"[{', '.join('any' if size == -1 else str(size) for size in shape)}]"


def _listed(values: object) -> str:
    if not isinstance(values, tuple | list):
        return repr(values)
    shown = ", ".join(map(repr, values[:6]))
    return shown if len(values) <= 6 else f"{shown} and {len(values) - 6} more"
