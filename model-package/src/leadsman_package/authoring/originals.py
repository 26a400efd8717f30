"""What the original answers where the model in ONNX has an output."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from leadsman_package.authoring.sample import Array
from leadsman_package.errors import PackageError
from leadsman_serving.signature import TensorSpec

_SCORES = ("predict_proba", "decision_function", "transform")


def answers(model: Any, data: Any, outputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return the original's answers by output; an output that it has nothing like is left out.

    The first output is what it predicts, or transforms to; any other its probabilities, scores or distances.
    Raises PackageError when it fails on the sample.
    """
    rows = len(data)
    found: dict[str, Array] = {}
    for at, spec in enumerate(outputs):
        methods = ("predict" if hasattr(model, "predict") else "transform",) if at == 0 else _SCORES
        for method in methods:
            if hasattr(model, method):
                answer = _called(model, method, data)
                if _alike(answer, spec, rows):
                    found[spec.name] = answer
                break
    return found


def _called(model: Any, method: str, data: Any) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as of names of columns, which say nothing of the answers
            answer = getattr(model, method)(data)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise PackageError(
            f"{type(model).__name__}.{method} fails on the sample: {type(error).__name__}: {said}; "
            "expected rows that it can answer"
        ) from None
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)


def _alike(answer: Array, spec: TensorSpec, rows: int) -> bool:
    """Whether an answer has the values that an output has, as far as its shape is known."""
    width = answer.size // rows
    last = spec.shape[-1] if len(spec.shape) > 1 else 1
    return not isinstance(last, int) or last == width


def shaped_like(answer: Array, got: Array) -> Array | None:
    """Return an answer in the shape and the kind of type of what it is compared with, None when that cannot be."""
    if answer.size != got.size:
        return None
    answer = answer.reshape(got.shape)
    if got.dtype.kind == "O":
        return answer.astype(str).astype(object)
    return answer.astype(np.float64) if got.dtype.kind == "f" else answer
