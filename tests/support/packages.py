"""A small package by hand, of a model that weighs three numbers; for tests of what happens to packages."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from leadsman_package.canonical import to_yaml
from leadsman_package.layout import file_digest
from leadsman_package.manifest import File, Manifest

FEATURES = ("age", "income", "debt")
ROWS = ((1.0, 2.0, 3.0), (0.0, 0.0, 0.0))


def write_model(path: Path, weights: Sequence[float] = (0.5, -1.0, 2.0), padding: int = 0) -> None:
    """Write a model with the input `x` and the output `score`; with `padding` random bytes that it does not use."""
    matrix = numpy_helper.from_array(np.array(weights, np.float32).reshape(-1, 1), "weights")
    noise = np.random.default_rng(1).integers(0, 256, padding, np.uint8)
    unused = [numpy_helper.from_array(noise, "padding")] if padding else []
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["score"])],
        "weigh",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [matrix, *unused],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests")
    onnx.save(model, path)


def make_package(
    directory: Path,
    *,
    version: str = "1",
    weights: Sequence[float] = (0.5, -1.0, 2.0),
    padding: int = 0,
    **fields: Any,
) -> Path:
    """Make a package in a new directory, and return that; `fields` are further ones of the manifest, by alias."""
    for name in ("samples", "golden"):
        (directory / name).mkdir(parents=True)
    write_model(directory / "model.onnx", weights, padding)
    rows = np.array([row[: len(weights)] for row in ROWS], np.float32)
    request = _tensor("x", rows)
    response = _tensor("score", rows @ np.array(weights, np.float32).reshape(-1, 1))
    (directory / "samples/two.json").write_text(json.dumps({"inputs": [request]}))
    (directory / "golden/two.json").write_text(json.dumps({"outputs": [response]}))
    document = {
        "apiVersion": "leadsman.dev/package/v1",
        "name": "fraud",
        "version": version,
        "owner": "Team Fraud",
        "licence": "Apache-2.0",
        "signature": {
            "inputs": [
                {
                    "name": "x",
                    "datatype": "FP32",
                    "shape": ["N", len(weights)],
                    "features": [{"name": name} for name in FEATURES[: len(weights)]],
                }
            ],
            "outputs": [{"name": "score", "datatype": "FP32", "shape": ["N", 1]}],
        },
        "golden": {"requests": [{"name": "two rows", "request": "samples/two.json", "response": "golden/two.json"}]},
        **fields,
    }
    seal(directory, document)
    return directory


def seal(directory: Path, document: dict[str, Any]) -> None:
    """Write the manifest of a package, with the files that are there."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "model.yaml")
    files = [
        File(path=str(path.relative_to(directory)), digest=file_digest(path), size=path.stat().st_size)
        for path in paths
    ]
    listed = [file.model_dump(mode="json", by_alias=True) for file in files]
    manifest = Manifest.model_validate_json(json.dumps({**document, "files": listed}), by_alias=True)
    (directory / "model.yaml").write_bytes(to_yaml(manifest))


def _tensor(name: str, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": list(values.shape), "data": values.ravel().tolist()}
