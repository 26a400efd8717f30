"""What the original answers where the model in ONNX has an output."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leadsman_package.authoring.sample import Array
from leadsman_package.errors import PackageError

_SCORES = ("predict_proba", "decision_function", "transform")


def answers(model: Any, data: Any) -> list[Array]:
    """Return what an estimator predicts, or transforms to, and its probabilities, scores or distances if it has them.

    Raises PackageError when it fails on the sample, in any way: it is somebody else's code.
    """
    first = "predict" if hasattr(model, "predict") else "transform"
    scores = [method for method in _SCORES if hasattr(model, method) and method != first]
    return [_called(model, method, data) for method in (first, *scores[:1])]


def by_output(given: Sequence[Array], found: Mapping[str, Array]) -> dict[str, Array]:
    """Return the original's answers by output; an output that it has nothing like is left out.

    The first output is the first answer, and any other the second.
    """
    matched: dict[str, Array] = {}
    for at, (name, got) in enumerate(found.items()):
        answer = given[min(at, 1)] if len(given) > min(at, 1) else None
        if answer is not None and answer.size == got.size:
            matched[name] = _shaped_like(answer, got)
    return matched


def _called(model: Any, method: str, data: Any) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as of names of columns, which say nothing of the answers
            answer = getattr(model, method)(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(" :")
        raise PackageError(
            f"{type(model).__name__}.{method} fails on the sample: {said}; expected rows that it can answer"
        ) from None
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)


def _shaped_like(answer: Array, got: Array) -> Array:
    """Return an answer in the shape and the kind of type of what it is compared with."""
    answer = answer.reshape(got.shape)
    if got.dtype.kind == "O":
        return answer.astype(str).astype(object)
    return answer.astype(np.float64) if got.dtype.kind == "f" else answer
