"""How sure a classifier is, or what a regressor says: the distribution of a model's scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from leadsman_serving.histogram import Histogram
from leadsman_serving.predictions import class_output
from leadsman_serving.signature import Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES, Array

CONFIDENCE_BOUNDS = tuple(step / 20 for step in range(1, 21))
"""Upper bounds of the histogram of a classifier's highest scores: 0.05 to 1 in steps of 0.05."""
_MAGNITUDES = (*(float(f"{digit}e{exponent}") for exponent in range(-3, 6) for digit in (1, 2, 5)), 1e6)
VALUE_BOUNDS = (*(-bound for bound in reversed(_MAGNITUDES)), 0.0, *_MAGNITUDES)
"""Upper bounds of the histogram of a regressor's values: 1, 2, 5, 10... from 0.001 to a million, 0, and the negatives.

Every revision and release must have the same bounds, so that distributions can be compared bucket by bucket.
"""
_SMALL = 64  # rows up to which counting one by one is quicker than numpy's searching


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """The output that holds a model's scores: a row of one for each class (`confidence`), or a value for each row."""

    name: str
    confidence: bool


def score_output(outputs: Sequence[TensorSpec]) -> ScoreOutput | None:
    """Return the output whose scores are counted, None for a model that has none.

    In a classifier that is the first floating-point output of shape [batch, K] with a fixed K of at least 2, and in any
    other model the first of shape [batch] or [batch, 1].
    """
    floating = [spec for spec in outputs if DTYPES[spec.datatype].kind == "f"]
    if class_output(outputs) is None:
        values = (spec.name for spec in floating if len(spec.shape) in (1, 2) and spec.shape[1:] in ((), (1,)))
        name = next(values, None)
        return None if name is None else ScoreOutput(name, confidence=False)
    for spec in floating:
        if len(spec.shape) == 2 and isinstance(spec.shape[1], int) and spec.shape[1] >= 2:
            return ScoreOutput(spec.name, confidence=True)
    return None


class ScoreCounts:
    """Counts the scores in one output: in `histogram`, or in `nonfinite` when one is NaN or infinite.

    One thread counts, others may read.
    """

    def __init__(self, output: ScoreOutput) -> None:
        self._output = output
        self.histogram = Histogram(CONFIDENCE_BOUNDS if output.confidence else VALUE_BOUNDS)
        self.nonfinite = 0

    def count(self, outputs: Mapping[str, Tensor]) -> None:
        """Count each score of an answer; none when the client did not ask for that output."""
        tensor = outputs.get(self._output.name)
        if tensor is None:
            return
        if self._output.confidence and tensor.array.shape[:-1] == (1,) and tensor.array.size:
            self._observe(tensor.array.item(tensor.array.argmax()))  # a fifth of the time that numpy's maximum takes
            return
        values = self._values(tensor.array)
        if values.size <= _SMALL:
            for value in values.tolist():
                self._observe(value)
        else:
            finite = values[np.isfinite(values)]
            self.histogram.observe_all(finite)
            self.nonfinite += values.size - finite.size

    def _observe(self, value: float) -> None:
        if isfinite(value):
            self.histogram.observe(value)
        else:
            self.nonfinite += 1

    def _values(self, array: Array) -> Array:
        # ONNX Runtime lets a model give another shape than it declares.
        if not self._output.confidence:
            return array.reshape(-1)
        return np.maximum.reduce(array, axis=1) if array.ndim == 2 and array.shape[1] else np.empty(0)
