"""Small packages to prove: good ones, and good ones with one thing spoiled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from leadsman_package.canonical import package_digest, to_yaml
from leadsman_package.layout import file_digest
from leadsman_package.manifest import (
    FILE,
    File,
    Golden,
    GoldenRequest,
    Input,
    Manifest,
    Output,
    Signature,
    Tolerance,
)
from leadsman_serving.tensors import DTYPES
from serving import models

_value = helper.make_tensor_value_info
NAMES = {kind: name for name, kind in models.DATATYPES.items()}

Request = dict[str, Any]


def scores(weight: float = 1.0, *, output: str = "y", names: tuple[str, str] = ("age", "income")) -> Any:
    """y (FP32 [N]) is weight * age + 2 * income, of FP32 [N] each."""
    constants = [numpy_helper.from_array(np.array(each, np.float32), name) for name, each in (("w", weight), ("v", 2))]
    return models.graph(
        [
            helper.make_node("Mul", [names[0], "w"], ["a"]),
            helper.make_node("Mul", [names[1], "v"], ["b"]),
            helper.make_node("Add", ["a", "b"], [output]),
        ],
        [_value(name, TensorProto.FLOAT, ["N"]) for name in names],
        [_value(output, TensorProto.FLOAT, ["N"])],
        tuple(constants),
    )


def ask(**inputs: list[float]) -> Request:
    """An infer request of vectors of FP32."""
    return {
        "inputs": [
            {"name": name, "datatype": "FP32", "shape": [len(values)], "data": values}
            for name, values in inputs.items()
        ]
    }


REQUESTS = {
    "typical": ask(age=[40.0, 50.0], income=[1.0, 2.0]),
    "edge": ask(age=[0.0], income=[-1.0]),
}


def package(
    directory: Path,
    model: Any,
    requests: Mapping[str, Request] | None = None,
    *,
    answers: Mapping[str, Request] | None = None,
    signature: Signature | None = None,
    tolerance: Tolerance | None = None,
    **extra: bytes,
) -> Path:
    """Write a package of this model; golden answers are its own, where others are not given. Returns the directory."""
    models.save(model, directory)
    requests = REQUESTS if requests is None else requests
    for folder in ("samples", "golden"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    for name, request in requests.items():
        answer = (answers or {}).get(name) or answered(model, request)
        (directory / f"samples/{name}.json").write_text(json.dumps(request))
        (directory / f"golden/{name}.json").write_text(json.dumps(answer))
    for name, content in extra.items():
        (directory / name).write_bytes(content)
    golden = tuple(
        GoldenRequest(name=name, request=f"samples/{name}.json", response=f"golden/{name}.json") for name in requests
    )
    manifest = Manifest(
        name="scores",
        version="1",
        signature=signature or signature_of(model),
        golden=Golden(tolerance=tolerance or Tolerance(), requests=golden) if golden else None,
        files=files_of(directory),
    )
    (directory / FILE).write_bytes(to_yaml(manifest))
    return directory


def files_of(directory: Path) -> tuple[File, ...]:
    """The list of all files of a package, as its manifest has it."""
    every = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != FILE)
    return tuple(
        File(path=path.relative_to(directory).as_posix(), digest=file_digest(path), size=path.stat().st_size)
        for path in every
    )


def signature_of(model: Any) -> Signature:
    """What the model itself says that it takes and gives."""
    return Signature(
        inputs=tuple(Input(**_described(each)) for each in model.graph.input),
        outputs=tuple(Output(**_described(each)) for each in model.graph.output),
    )


def _described(value: Any) -> dict[str, Any]:
    tensor = value.type.tensor_type
    shape = tuple(size.dim_param or (size.dim_value if size.HasField("dim_value") else -1) for size in tensor.shape.dim)
    return {"name": value.name, "datatype": NAMES[tensor.elem_type], "shape": shape}


def answered(model: Any, request: Request) -> Request:
    """What the model answers, as the body of an infer response."""
    session = ort.InferenceSession(model.SerializeToString())
    feed = {
        each["name"]: np.array(each["data"], DTYPES[each["datatype"]]).reshape(each["shape"])
        for each in request["inputs"]
    }
    outputs = zip(model.graph.output, session.run(None, feed), strict=True)
    return {
        "model_name": "m",
        "outputs": [
            {
                "name": value.name,
                "datatype": NAMES[value.type.tensor_type.elem_type],
                "shape": list(array.shape),
                "data": array.reshape(-1).tolist(),
            }
            for value, array in outputs
        ],
    }


def digest_of(directory: Path) -> str:
    return package_digest((directory / FILE).read_bytes())


def bare(directory: Path, model: Any) -> Path:
    """A bare model in a file. Returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "m.onnx"
    onnx.save(model, path)
    return path
