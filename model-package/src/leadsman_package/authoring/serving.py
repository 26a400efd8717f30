"""The model as it will be served: loaded by the serving runtime, and run on many rows."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from leadsman_package.authoring.sample import Array
from leadsman_package.errors import PackageError
from leadsman_serving.errors import ModelLoadError, ServingError
from leadsman_serving.model import OnnxModel
from leadsman_serving.session import load

_ROWS = 1000
"""At once."""


def load_model(directory: Path) -> OnnxModel:
    """Return the model.onnx in a directory. Raises PackageError when it cannot be served."""
    try:
        return load(directory, threads=1)
    except ModelLoadError as error:
        said = str(error).replace(f"{directory}/", "")
        raise PackageError(f"the model cannot be served: {said}") from None


def run(
    model: OnnxModel, feed: Mapping[str, Array], advance: Callable[[int], None], of: str = "the sample"
) -> dict[str, Array]:
    """Return all outputs for rows that the signature accepts, some rows at a time; `of` says which rows they are.

    Raises PackageError when the model fails, or gives something else than one row for each.
    """
    names = model.signature.output_names
    rows = len(next(iter(feed.values())))
    most = rows_at_once(model)
    parts: list[list[Array]] = []
    for start in range(0, rows, most):
        some = {name: array[start : start + most] for name, array in feed.items()}
        count = min(most, rows - start)
        try:
            parts.append(model.run(some, names))
        except ServingError as error:
            raise PackageError(f"in ONNX, in rows {start} to {start + count - 1} of {of}: {error.message}") from None
        for name, array in zip(names, parts[-1], strict=True):
            if array.ndim == 0 or len(array) != count:
                raise PackageError(
                    f"output {name!r} has the shape {list(array.shape)} for {count} rows; expected a row for each"
                )
        advance(count)
    return {name: np.concatenate([part[at] for part in parts]) for at, name in enumerate(names)}


def rows_at_once(model: OnnxModel) -> int:
    """Return how many rows a model takes at once. Raises PackageError when it takes several and no other number."""
    sizes = {spec.shape[0] for spec in model.signature.inputs if spec.shape}
    fixed = [size for size in sizes if isinstance(size, int)]
    if fixed and set(fixed) != {1}:
        raise PackageError(
            f"the model takes exactly {fixed[0]} rows; export it with a free first axis, or with one of 1"
        )
    return 1 if fixed else _ROWS
