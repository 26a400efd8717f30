"""Model packages as their author makes them: `leadsman package`, then `leadsman push`."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.cluster import DemoError
from demo.data import NAME, Part
from leadsman_package.layout import digest


@dataclass(frozen=True)
class Facts:
    """What a version's author says of it."""

    version: str
    description: str
    accuracy: float


def make_package(model: bytes, sample: Part, facts: Facts, directory: Path, scratch: Path) -> str:
    """Make the package of a version from its ONNX file and the offline sample; returns its digest."""
    exported, rows = scratch / "model.onnx", scratch / "sample.npz"
    exported.write_bytes(model)
    features = _features(exported)
    np.savez(rows, X=sample.rows[:, :features])
    leadsman(
        *("package", str(exported), "--sample", str(rows), "--name", NAME, "--version", facts.version),
        *("--task", "classification", "--description", facts.description, "--metric", f"accuracy={facts.accuracy:.4f}"),
        *("-o", str(directory)),
    )
    return digest(directory)


def push(directory: Path, uri: str) -> None:
    """Push a package to a registry."""
    leadsman("push", str(directory), uri)


def leadsman(*arguments: str) -> str:
    """Run `leadsman` and return what it prints. Raises DemoError with what it complained about."""
    command = [sys.executable, "-m", "leadsman.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode:
        raise DemoError(f"leadsman {' '.join(arguments)} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _features(exported: Path) -> int:
    import onnx  # noqa: PLC0415 - slow to import, and only for who makes packages

    columns = onnx.load(str(exported)).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    return int(columns)
