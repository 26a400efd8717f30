"""Packages made in the test's own process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from leadsman_package.authoring.packaging import Made, Order, package


@dataclass
class Silent:
    """Keeps what it is told."""

    told: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.told.append(sentence)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        done: list[int] = []
        yield done.append
        self.told.append(f"{what}: {sum(done)} of {total}")


def make(directory: Path, model: Any, sample: pd.DataFrame | dict[str, Any], **order: Any) -> Made:
    """A package in `directory`/package, of a model's file and a sample's beside it."""
    directory.mkdir(exist_ok=True)
    if isinstance(model, str | Path):
        reference = str(model)
    else:
        reference = str(directory / "model.joblib")
        joblib.dump(model, reference)
    path = directory / "sample.parquet"
    if isinstance(sample, dict):
        path = directory / "sample.npz"
        np.savez(path, **sample)
    else:
        sample.to_parquet(path)
    says = {"name": "fraud", "version": "1", **order.pop("says", {})}
    return package(Order(reference, path, directory / "package", says, **order), Silent())
