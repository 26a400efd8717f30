"""What a model takes and gives, and whether a request fits it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np

from leadsman_serving.errors import ServingError, invalid
from leadsman_serving.tensors import DTYPES, Array


class Tensor(NamedTuple):
    """A tensor as it travels: its protocol datatype and its elements."""

    datatype: str
    array: Array


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    A dimension is a size, a name (any size, the same wherever the name occurs) or None (any size). `shape` is empty
    for a scalar, and also for a tensor of unknown rank: ONNX Runtime does not tell them apart.
    """

    name: str
    datatype: str
    shape: tuple[int | str | None, ...]

    @property
    def wire_shape(self) -> list[int]:
        """The shape as the protocol writes it: -1 where any size goes."""
        return [size if isinstance(size, int) else -1 for size in self.shape]


@dataclass(frozen=True)
class Signature:
    """All inputs and outputs of a model, in the model's order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of all outputs."""
        return tuple(spec.name for spec in self.outputs)

    def check_inputs(self, given: Mapping[str, Tensor]) -> dict[str, Array]:
        """Return the arrays to run the model on.

        Raises ServingError (invalid argument) when an input is missing, unknown, or of another datatype or shape.
        """
        sizes: dict[str, int] = {}
        feed: dict[str, Array] = {}
        for spec in self.inputs:
            tensor = given.get(spec.name)
            if tensor is None:
                raise invalid(f"input {spec.name!r} is missing; the model takes {_names(self.inputs)}")
            _check_datatype(spec, tensor)
            _check_shape(spec, tensor.array.shape, sizes)
            feed[spec.name] = tensor.array
        if len(given) != len(feed):
            unknown = next(name for name in given if name not in feed)
            raise invalid(f"the model has no input {unknown!r}; it takes {_names(self.inputs)}")
        return feed

    def select_outputs(self, names: tuple[str, ...]) -> tuple[TensorSpec, ...]:
        """Return the outputs a request asked for, in its order; all when it named none.

        Raises ServingError (invalid argument) for an output that the model does not have.
        """
        if not names:
            return self.outputs
        by_name = {spec.name: spec for spec in self.outputs}
        for name in names:
            if name not in by_name:
                raise invalid(f"the model has no output {name!r}; it gives {_names(self.outputs)}")
        return tuple(by_name[name] for name in names)

    @property
    def least_bytes(self) -> int:
        """The size of what `synthesise` would return; a model may declare shapes beyond all memory."""
        return sum(prod(_least(spec)) * DTYPES[spec.datatype].itemsize for spec in self.inputs)

    def synthesise(self) -> list[dict[str, Array]]:
        """Return the smallest inputs of the right types and shapes, free dimensions 1, three times with other values.

        The first are zeros, empty strings or false.
        """
        return [{spec.name: fill(spec) for spec in self.inputs} for fill in (_zeros, _ones, _ramp)]


def _check_datatype(spec: TensorSpec, tensor: Tensor) -> None:
    if tensor.datatype != spec.datatype:
        raise invalid(f"input {spec.name!r}: the model takes {spec.datatype}, but the request says {tensor.datatype}")


def _check_shape(spec: TensorSpec, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    if not spec.shape:
        return
    if len(shape) != len(spec.shape):
        raise _wrong_shape(spec, shape, f"rank {len(spec.shape)}")
    for axis, (size, given) in enumerate(zip(spec.shape, shape, strict=True)):
        expected = sizes.setdefault(size, given) if isinstance(size, str) else size
        if expected is not None and given != expected:
            named = f" (dimension {size!r} of an earlier input)" if isinstance(size, str) else ""
            raise _wrong_shape(spec, shape, f"{expected} at axis {axis}{named}")


def _wrong_shape(spec: TensorSpec, shape: tuple[int, ...], expected: str) -> ServingError:
    return invalid(
        f"input {spec.name!r}: the model takes shape {spec.wire_shape}, but the request has {list(shape)}:"
        f" expected {expected}"
    )


def _zeros(spec: TensorSpec) -> Array:
    shape = _least(spec)
    return np.full(shape, "", dtype=object) if spec.datatype == "BYTES" else np.zeros(shape, DTYPES[spec.datatype])


def _ones(spec: TensorSpec) -> Array:
    shape = _least(spec)
    return np.full(shape, "1", dtype=object) if spec.datatype == "BYTES" else np.ones(shape, DTYPES[spec.datatype])


def _ramp(spec: TensorSpec) -> Array:
    """Return numbers from -1 up to 1; what cannot be a fraction alternates between 0 and 1."""
    zeros = _zeros(spec)
    if zeros.dtype.kind == "f":
        return np.linspace(-1, 1, zeros.size, dtype=zeros.dtype).reshape(zeros.shape)
    zeros.reshape(-1)[::2] = "1" if spec.datatype == "BYTES" else 1
    return zeros


def _least(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else 1 for size in spec.shape)


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(repr(spec.name) for spec in specs)
