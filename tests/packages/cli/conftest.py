"""The commands as people type them, and two packages of the same model."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from leadsman_package.baseline import Baseline, Column, Histogram, to_json
from support.packages import FEATURES, make_package
from support.registry import RunningRegistry, running_registry

Leadsman = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry that lets anyone in, and has no TLS."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SSL_", "LEADSMAN_"))}
    return {**kept, "PATH": path, "DOCKER_CONFIG": str(tmp_path / "docker"), "COLUMNS": "120"}


@pytest.fixture
def leadsman(tmp_path: Path, environment: dict[str, str]) -> Leadsman:
    """Runs the command in a directory with the packages fraud-1 and fraud-2."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["leadsman", *arguments],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    write_packages(tmp_path)
    return run


def write_packages(directory: Path) -> None:
    """Write fraud-1 and fraud-2, which knows other data, and a third input less."""
    about = {"task": "regression", "description": "Weighs.", "baseline": "baseline.json"}
    for version, commit, auc, shift in (("1", "abc", 0.91, 0.0), ("2", "abd", 0.93, 2.0)):
        path = directory / f"fraud-{version}"
        path.mkdir()
        (path / "baseline.json").write_bytes(to_json(baseline(shift)))
        make_package(
            path,
            version=version,
            weights=(0.5, -1.0, 2.0 + shift),
            training={"sourceCommit": commit, "framework": "scikit-learn", "dataset": {"rows": 4000}},
            evaluation={"metrics": {"roc_auc": auc}},
            parity={"rows": 4000, "differing": 0, "tolerance": {}, "largestDifference": 1e-7},
            **about,
        )


def baseline(shift: float) -> Baseline:
    """Return what data looked like whose ages were shifted by so many deviations."""
    random = np.random.default_rng(3)

    def column(name: str, by: float) -> Column:
        values = random.normal(by, 1, 4000)
        edges = np.quantile(values, np.linspace(0, 1, 21))
        counts = tuple(map(int, np.histogram(values, edges)[0]))
        return Column(
            tensor="x",
            feature=name,
            datatype="FP32",
            values=4000,
            missing=0,
            mean=float(values.mean()),
            histogram=Histogram(edges=tuple(map(float, edges)), counts=counts),
        )

    return Baseline(rows=4000, inputs=(column("age", shift), *(column(name, 0) for name in FEATURES[1:])), outputs=())
