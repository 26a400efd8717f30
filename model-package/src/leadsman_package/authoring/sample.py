"""The sample of data that a package is made with: a table in CSV or Parquet, or arrays in npz."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadsman_package.errors import PackageError

Array = NDArray[Any]
_MOST_BYTES = 8 << 30
"""Of the arrays in an npz, which compresses so well that a small file may stand for any amount."""
_READERS = {".csv": "CSV", ".parquet": "Parquet", ".npz": "npz"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of what the model takes: a table, or arrays by name whose first axes are the rows."""

    path: Path
    table: pd.DataFrame | None
    arrays: dict[str, Array]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.table) if self.table is not None else len(next(iter(self.arrays.values())))


def read(path: Path, target: str | None) -> Sample:
    """Return the sample in a file, without its column or array `target`. Raises PackageError."""
    if path.suffix not in _READERS:
        raise PackageError(f"{path} is no sample that is known; expected a file {', '.join(_READERS)}")
    if not path.is_file():
        raise PackageError(f"there is no file {path}; expected a sample of what the model takes")
    try:
        sample = Sample(path, None, _arrays(path)) if path.suffix == ".npz" else Sample(path, _table(path), {})
    except PackageError:
        raise
    except Exception as error:  # the readers fail in many ways on what is no such file
        said = " ".join(str(error).split())[:300]
        raise PackageError(f"{path} is no {_READERS[path.suffix]} that can be read: {said}") from None
    sample = sample if target is None else _without(sample, target)
    _check(sample)
    return sample


def _table(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    table.columns = [str(name) for name in table.columns]
    return table.reset_index(drop=True)


def _arrays(path: Path) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _MOST_BYTES:
        raise PackageError(f"{path} holds {size} bytes of arrays; at most {_MOST_BYTES} are read")
    with np.load(path, allow_pickle=False) as arrays:
        found = {str(name): arrays[name] for name in arrays.files}
    if other := [name for name, array in found.items() if not isinstance(array, np.ndarray)]:
        raise PackageError(f"{path} is no npz that can be read: {other[0]!r} in it is no array")
    return found


def _without(sample: Sample, target: str) -> Sample:
    names = [*(sample.arrays if sample.table is None else sample.table.columns)]
    if target not in names:
        raise PackageError(f"{sample.path} has no column {target!r}, the target; it has {brief(names)}")
    table = None if sample.table is None else sample.table.drop(columns=target)
    return Sample(sample.path, table, {name: array for name, array in sample.arrays.items() if name != target})


def _check(sample: Sample) -> None:
    lengths = {name: len(array) if array.ndim else -1 for name, array in sample.arrays.items()}
    if len(set(lengths.values())) > 1 or -1 in lengths.values():
        told = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise PackageError(
            f"{sample.path}: the arrays differ in their first axis, the rows ({told}); expected the same"
        )
    if (sample.table is None and not sample.arrays) or not sample.rows:
        raise PackageError(f"{sample.path} has no rows; expected a sample of what the model takes")
    names = [] if sample.table is None else [*sample.table.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PackageError(f"{sample.path} has the column {twice[0]!r} twice; expected different names")


def brief(names: list[str], most: int = 12) -> str:
    """Return names in a list for people; of many, the first few."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
