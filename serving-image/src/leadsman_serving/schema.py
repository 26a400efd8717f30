"""What a model's author says of its inputs beyond their types: ranges, categories and missing values. Pure.

NaN, and an empty string, are a missing value: only `missing` speaks of it, and it is in no range and no category.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from leadsman_serving.tensors import DTYPES, Array

Scalar = int | float | str | bool

RANGE, CATEGORY, MISSING = "range", "category", "missing"
"""The names of the rules."""
_MOST_NAMED = 8
_MOST_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """What a value may be: from `low` to `high`, one of `categories`, missing or not. None says nothing."""

    low: int | float | None = None
    high: int | float | None = None
    categories: tuple[Scalar, ...] | None = None
    refuse_missing: bool = False

    def told(self) -> Iterator[str]:
        """Yield the names of the rules that say something."""
        if self.low is not None or self.high is not None:
            yield RANGE
        if self.categories is not None:
            yield CATEGORY
        if self.refuse_missing:
            yield MISSING

    def expected(self, rule: str) -> str:
        """Return what one of the rules expects, in words."""
        match rule:
            case "missing":
                return "a value"
            case "category":
                return one_of(self.categories or ())
        if self.low is None or self.high is None:
            return f"at most {self.high}" if self.low is None else f"at least {self.low}"
        return f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Violation:
    """How often a rule is broken in one tensor, and the first time: which element, what it is, what was expected."""

    input: str
    feature: str
    rule: str
    times: int
    index: tuple[int, ...]
    value: Scalar
    expected: str

    def __str__(self) -> str:
        what = "missing" if self.rule == MISSING else brief(self.value)
        return f"{self._where()} is {what}, but the model's schema expects {self.expected}"

    def _where(self) -> str:
        if not self.feature:
            return f"input {self.input!r}" + (f": element {list(self.index)}" if self.index else "")
        row = self.index[:-1]
        place = f" of row {row[0]}" if len(row) == 1 else f" at {list(row)}" if row else ""
        return f"input {self.input!r}: feature {self.feature!r}{place}"


class InputSchema:
    """The rules of one input: of each position of its last axis by the feature's name, or one for all, named ""."""

    def __init__(self, name: str, datatype: str, features: Sequence[tuple[str, Rules]]) -> None:
        self.name = name
        self.features = tuple(features)
        rules = [each for _, each in features]
        dtype = DTYPES[datatype]
        self._kind = dtype.kind
        self._refused = np.array([each.refuse_missing for each in rules])
        self._bounds: tuple[Array, Array] | None = None
        if self._kind == "f" or any(RANGE in each.told() for each in rules):
            least, most = (-np.inf, np.inf) if self._kind == "f" else extremes(dtype)
            self._bounds = (
                np.array([least if each.low is None else each.low for each in rules], dtype),
                np.array([most if each.high is None else each.high for each in rules], dtype),
            )
        self._listed = [position for position, each in enumerate(rules) if each.categories is not None]
        self._members = [_members(rules[position]) for position in self._listed]
        self._no_empty = self._kind == "O" and bool(np.delete(self._refused, self._listed).any())

    def violations(self, array: Array) -> list[Violation]:
        """Return what is broken in a tensor that fits the model's signature; mostly nothing, in microseconds."""
        cells = array.reshape(-1, len(self.features))
        if array.size == 1 and self._holds_one(array.item()):
            return []
        return [] if self._holds(cells) else list(self._find(cells, array.shape))

    def _holds_one(self, value: Any) -> bool:
        # Some models take thirty inputs of a number each, and numpy needs five times as long for one number.
        if self._bounds is not None:
            low, high = self._bounds
            if not low.item() <= value <= high.item():
                return False
        return not (self._members and value not in self._members[0]) and not (self._no_empty and value == "")

    def _holds(self, cells: Array) -> bool:
        """Whether no cell breaks a rule, as quickly as can be; False may also mean that a closer look is needed."""
        if self._bounds is not None and not self._inside(cells, *self._bounds):
            return False
        if self._members and not all(map(frozenset.issuperset, self._members, self._columns(cells))):
            return False
        return not (self._no_empty and (self._missing(cells) & self._refused).any())

    def _inside(self, cells: Array, low: Array, high: Array) -> bool:
        inside = (cells >= low) & (cells <= high)
        if np.count_nonzero(inside) == inside.size:
            return True
        inside |= self._missing(cells) & ~self._refused
        return bool(np.count_nonzero(inside) == inside.size)

    def _columns(self, cells: Array) -> list[list[Any]]:
        columns = cells.T if len(self._listed) == len(self.features) else cells.T[self._listed]
        listed: list[list[Any]] = columns.tolist()
        return listed

    def _missing(self, cells: Array) -> Array:
        if self._kind == "f":
            return np.isnan(cells)
        return np.equal(cells, "").astype(bool) if self._kind == "O" else np.zeros(cells.shape, bool)

    def _find(self, cells: Array, shape: tuple[int, ...]) -> Iterator[Violation]:
        for rule, broken in self._broken(cells):
            times = np.count_nonzero(broken, axis=0)
            for position in np.flatnonzero(times).tolist():
                feature, rules = self.features[position]
                row = int(broken[:, position].argmax())
                index = tuple(map(int, np.unravel_index(row * len(self.features) + position, shape)))
                value = cells[row, position]
                value = value.item() if self._kind in "biu" else value
                expected = rules.expected(rule)
                yield Violation(self.name, feature, rule, int(times[position]), index, value, expected)

    def _broken(self, cells: Array) -> Iterator[tuple[str, Array]]:
        missing = self._missing(cells)
        yield MISSING, missing & self._refused
        if self._bounds is not None:
            low, high = self._bounds
            yield RANGE, ((cells < low) | (cells > high)) & ~missing
        if self._members:
            foreign = np.zeros(cells.shape, bool)
            for position, members, column in zip(self._listed, self._members, self._columns(cells), strict=True):
                known = np.fromiter(map(partial(operator.contains, members), column), bool, len(column))
                foreign[:, position] = ~known
            yield CATEGORY, foreign & ~missing


@dataclass(frozen=True, slots=True)
class Schema:
    """The rules of all inputs that have some."""

    inputs: tuple[InputSchema, ...]

    def violations(self, feed: Mapping[str, Array]) -> list[Violation]:
        """Return what is broken in inputs that the model's signature has accepted."""
        found: list[Violation] = []
        for each in self.inputs:
            found += each.violations(feed[each.name])
        return found

    def rules(self) -> Iterator[tuple[str, str, str]]:
        """Yield each rule as (input, feature, rule)."""
        for each in self.inputs:
            for feature, rules in each.features:
                for rule in rules.told():
                    yield each.name, feature, rule


def extremes(dtype: np.dtype[Any]) -> tuple[int | float, int | float]:
    """Return the least and the greatest finite number of a numeric type."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _members(rules: Rules) -> frozenset[Scalar]:
    """Return what is no foreign category: a string that is missing is none either, and refused by its own rule."""
    return (
        frozenset(rules.categories or ()) - {""} if rules.refuse_missing else frozenset((*(rules.categories or ()), ""))
    )


def one_of(values: Sequence[Scalar]) -> str:
    """Return what to choose from, in words; of many, the first few."""
    named = ", ".join(map(brief, values[:_MOST_NAMED]))
    more = len(values) - _MOST_NAMED
    return f"one of {named}" + (f" and {more} more" if more > 0 else "")


def brief(value: object) -> str:
    """Return a value as one would write it in YAML, cut where it is long."""
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
