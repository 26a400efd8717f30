"""How often a classifier predicted which class."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leadsman_serving.signature import Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES, Array

MOST_CLASSES = 64
"""Classes that are told apart; further ones are counted together as OTHER."""
OTHER = "other"
_MOST_CHARACTERS = 128  # of a class's name: it becomes a label of Prometheus
_SMALL = 64  # elements up to which counting one by one is quicker than numpy's sorting


@dataclass(frozen=True, slots=True)
class ClassOutput:
    """The output of a model that tells the class: itself, or (`scores`) by the position of the largest of a row."""

    name: str
    scores: bool


def class_output(outputs: Sequence[TensorSpec]) -> ClassOutput | None:
    """Return the output to count classes by, None for a model that is no classifier.

    That is the first output of labels (whole numbers, booleans or strings, of shape [batch] or [batch, 1]), and in a
    model that has none, the first of scores (floating-point, of shape [batch, K] with K from 2 to MOST_CLASSES).
    """
    for spec in outputs:
        if _kind(spec) in "biuO" and len(spec.shape) in (1, 2) and spec.shape[1:] in ((), (1,)):
            return ClassOutput(spec.name, scores=False)
    for spec in outputs:
        if _kind(spec) == "f" and len(spec.shape) == 2 and spec.shape[1] in range(2, MOST_CLASSES + 1):
            return ClassOutput(spec.name, scores=True)
    return None


class PredictionCounts:
    """Counts the classes in one output. One thread counts, others may read."""

    def __init__(self, output: ClassOutput) -> None:
        self._output = output
        self._counts: dict[int | str, int] = {}
        self._others = 0

    def count(self, outputs: Mapping[str, Tensor]) -> None:
        """Count each prediction of an answer; none when the client did not ask for that output."""
        tensor = outputs.get(self._output.name)
        if tensor is None:
            return
        for value, times in _occurrences(_argmax(tensor.array) if self._output.scores else tensor.array):
            if value in self._counts or len(self._counts) < MOST_CLASSES:
                self._counts[value] = self._counts.get(value, 0) + times
            else:
                self._others += times

    def totals(self) -> dict[str, int]:
        """Return how often each class was predicted, by its name."""
        totals = Counter({OTHER: self._others} if self._others else {})
        for value, times in list(self._counts.items()):
            totals[_name(value)] += times
        return totals


def _argmax(array: Array) -> Array:
    # ONNX Runtime lets a model give another shape than it declares.
    return array.argmax(axis=1) if array.ndim == 2 and array.shape[1] else np.empty(0, np.int64)


def _occurrences(array: Array) -> Iterable[tuple[int | str, int]]:
    if array.dtype.kind == "O":
        return Counter(text[:_MOST_CHARACTERS] for text in array.reshape(-1).tolist()).items()
    if array.size <= _SMALL:
        return [(value, 1) for value in array.reshape(-1).tolist()]
    values, times = np.unique(array, return_counts=True)
    return zip(values.tolist(), times.tolist(), strict=True)


def _name(value: int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(spec: TensorSpec) -> str:
    return DTYPES[spec.datatype].kind
