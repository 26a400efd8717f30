"""The baseline of a package, baseline.json: what the model's data looked like, for telling later how it has drifted."""

from itertools import pairwise
from math import isfinite

from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from leadsman_package.errors import PackageError
from leadsman_package.manifest import Datatype, Part, Word

FILE = "baseline.json"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Histogram(Part):
    """Numbers by size: `counts[i]` lie from `edges[i]` to below `edges[i + 1]`, in the last also at its upper edge.

    The edges are quantiles, so that every bin holds about as many, unless many numbers are equal.
    """

    edges: tuple[float, ...] = Field(
        description="One more than the counts, rising; the first and last: least and most."
    )
    counts: tuple[NonNegativeInt, ...] = Field(description="How many are in each bin.", min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Histogram":
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(
                f"{len(self.counts)} counts need {len(self.counts) + 1} edges; there are {len(self.edges)}"
            )
        if not all(before <= after for before, after in pairwise(self.edges)) or not all(map(isfinite, self.edges)):
            raise ValueError("the edges must be finite and rising")
        return self


class Column(Part):
    """One feature of an input or an output, or all values of one, where its parts have no names."""

    tensor: Word = Field(description="The name of the input or output.")
    feature: Word | None = Field(default=None, description="The feature's or label's name; none: the whole tensor.")
    datatype: Datatype = Field(description="Of the tensor.")
    values: int = Field(description="How many there were, the missing ones included.", ge=0)
    missing: int = Field(description="How many were NaN or empty.", ge=0)
    mean: float | None = Field(default=None, description="Of numbers.")
    quantiles: dict[str, float] | None = Field(default=None, description="Of numbers, by share: 0.5 is the median.")
    histogram: Histogram | None = Field(default=None, description="Of numbers.")
    categories: dict[str, int] | None = Field(
        default=None, description="How often each came, of strings and truth values; the most frequent ones."
    )
    other: int | None = Field(default=None, description="How many were of further categories.", ge=0)


class Baseline(Part):
    """What the data looked like when the model was packaged."""

    rows: int = Field(description="Of the sample.", ge=1)
    inputs: tuple[Column, ...] = Field(description="In the model's order.")
    outputs: tuple[Column, ...] = Field(description="What the model answered to them.")


def to_json(baseline: Baseline) -> bytes:
    """Return the bytes of the file: the same for the same baseline."""
    return baseline.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode() + b"\n"


def parse_baseline(text: bytes, where: str = FILE) -> Baseline:
    """Return the baseline in a file's bytes. Raises PackageError that says what is wrong where."""
    try:
        return Baseline.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise PackageError(f"{where}: {f'{place}: ' if place else ''}{' '.join(first['msg'].split())}") from None
