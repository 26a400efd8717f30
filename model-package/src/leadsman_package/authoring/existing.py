"""A model that is in ONNX already: its files, and the sample as it takes it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leadsman_package.authoring.sample import Array, Sample, brief
from leadsman_package.digest import external_files
from leadsman_package.errors import PackageError
from leadsman_package.manifest import MODEL_FILE, File
from leadsman_serving.errors import ServingError
from leadsman_serving.signature import Signature, Tensor, TensorSpec
from leadsman_serving.tensors import DTYPES

_PATH = re.compile(next(each.pattern for each in File.model_fields["path"].metadata if hasattr(each, "pattern")) or "")


def copy(path: Path, directory: Path) -> None:
    """Copy a model with the external data that it names into a directory. Raises PackageError."""
    try:
        shutil.copyfile(path, directory / MODEL_FILE)
        for name in sorted(external_files(path)):
            _copy_data(path, name, directory)
    except (OSError, ValueError) as error:
        raise PackageError(f"{path} is no model in ONNX that can be copied: {error}") from None


def _copy_data(path: Path, name: str, directory: Path) -> None:
    source = (path.parent / name).resolve()
    if not _PATH.fullmatch(name) or not source.is_relative_to(path.parent.resolve()):
        raise PackageError(
            f"{path} keeps data in {name!r}; expected a file beside it, of letters, digits, '.', '_' and '-' "
            "(onnx.save_model writes it so with save_as_external_data=True, location='model.onnx.data')"
        )
    if not source.is_file():
        raise PackageError(f"{path} keeps data in {name!r}, which is not there; expected it beside the model")
    target = directory / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def feed(signature: Signature, sample: Sample) -> tuple[dict[str, Array], dict[str, list[str]]]:
    """Return the sample as a model's inputs take it, and the names of the columns of the one that takes them all.

    Inputs are arrays or columns of the same name; a model with one input takes whatever there is.
    Raises PackageError saying what the model takes and what the sample has.
    """
    arrays, features = _matched(signature, sample)
    typed = {spec.name: _typed(spec, arrays[spec.name], sample) for spec in signature.inputs}
    alone = 1 in {spec.shape[0] for spec in signature.inputs if spec.shape}  # whoever takes one row gets one at a time
    try:
        signature.check_inputs(
            {spec.name: Tensor(spec.datatype, typed[spec.name][: 1 if alone else None]) for spec in signature.inputs}
        )
    except ServingError as error:
        said = error.message.replace("the request", "the sample")
        raise PackageError(f"{sample.path} does not fit the model: {said}") from None
    return typed, features


def _matched(signature: Signature, sample: Sample) -> tuple[dict[str, Array], dict[str, list[str]]]:
    held: list[str] = [*(sample.arrays if sample.table is None else sample.table.columns)]
    names = [spec.name for spec in signature.inputs]
    if {*names} <= {*held}:
        return {spec.name: _shaped(spec, _values(sample, spec.name)) for spec in signature.inputs}, {}
    if len(names) > 1 or (sample.table is None and len(held) > 1):
        raise PackageError(f"{sample.path} has {brief(held)}; expected {brief(names)}, the inputs of the model")
    if sample.table is None:
        return {names[0]: sample.arrays[held[0]]}, {}
    columns = np.stack([_values(sample, name) for name in held], axis=1)
    return {names[0]: columns}, {names[0]: held}


def _values(sample: Sample, name: str) -> Array:
    if sample.table is None:
        return sample.arrays[name]
    column = sample.table[name]
    if column.dtype.kind in "biuf":
        return np.asarray(column.to_numpy())
    values = np.empty(len(column), dtype=object)
    values[:] = ["" if pd.isna(value) else value for value in column]
    return values


def _shaped(spec: TensorSpec, array: Array) -> Array:
    return array.reshape(-1, 1) if array.ndim == 1 and len(spec.shape) == 2 else array


def _typed(spec: TensorSpec, array: Array, sample: Sample) -> Array:
    wanted = DTYPES[spec.datatype]
    if wanted.kind == "O":
        if array.dtype.kind not in "OUT" or not all(isinstance(value, str) for value in array.reshape(-1).tolist()):
            raise _wrong(spec, array, sample)
        return array.astype(object)
    try:
        if array.dtype.kind == "O":
            array = array.astype(np.float64)  # columns of several types
        with np.errstate(over="ignore", invalid="ignore"):
            converted = array.astype(wanted)
    except (TypeError, ValueError):
        raise _wrong(spec, array, sample) from None
    if wanted.kind != "f" and not np.array_equal(converted, array):
        raise _wrong(spec, array, sample)
    return converted


def _wrong(spec: TensorSpec, array: Array, sample: Sample) -> PackageError:
    has: Any = next(_odd(spec, array), None)
    example = "" if has is None else f", as {str(has)[:60]!r}"
    return PackageError(
        f"{sample.path} has {array.dtype} for the input {spec.name!r}{example}; the model takes {spec.datatype}"
    )


def _odd(spec: TensorSpec, array: Array) -> Iterator[Any]:
    wants_strings = spec.datatype == "BYTES"
    yield from (value for value in array.reshape(-1).tolist() if isinstance(value, str) != wants_strings)
