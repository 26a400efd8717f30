"""The two models, and what they answer when nothing is between them and the question."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper, save
from skl2onnx import to_onnx
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Array = NDArray[Any]

INPUT, OUTPUT = "X", "probabilities"
TABLE, IMAGE = "table", "image"
NAME = "bench"
"""What every server calls the model that it serves."""
_OPSET = 21
_SEED = 20261121
_CLASSES = 10
_CHANNELS = 8


@dataclass(frozen=True)
class Payload:
    """An input in one form, with the answer of ONNX Runtime itself and the microseconds that takes it (the median)."""

    name: str
    model: str
    input: Array
    binary: bool
    answer: Array
    run_microseconds: float

    @property
    def slug(self) -> str:
        """The name, for paths."""
        return self.name.replace(" ", "-").lower()


def make(directory: Path) -> list[Payload]:
    """Write the models to `directory`/table and /image as model.onnx, and return what they are asked."""
    data = load_breast_cancer().data.astype(np.float32)
    pipeline = _pipeline(data)
    # What it is least sure of: a rounded 0 or 1 would say little about who answered.
    data = data[np.argsort(np.abs(pipeline.predict_proba(data)[:, 0] - 0.5))]
    _save(_table(pipeline, data), directory / TABLE)
    _save(_image(), directory / IMAGE)
    picture = np.random.default_rng(_SEED).standard_normal((1, 3, 224, 224), dtype=np.float32)
    return [
        _payload(directory, "1x30 JSON", TABLE, data[:1], binary=False),
        _payload(directory, "32x30 JSON", TABLE, data[:32], binary=False),
        _payload(directory, "32x30 binary", TABLE, data[:32], binary=True),
        _payload(directory, "1x3x224x224 binary", IMAGE, picture, binary=True),
    ]


def _payload(directory: Path, name: str, model: str, array: Array, *, binary: bool) -> Payload:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(directory / model / "model.onnx"), options, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {INPUT: array})
    return Payload(name, model, array, binary, answer, _median_microseconds(session, array))


def _median_microseconds(session: Any, array: Array, runs: int = 2000) -> float:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        session.run(None, {INPUT: array})
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def _pipeline(data: Array) -> Pipeline:
    """Return a logistic regression of scaled features, trained on a data set of 30 columns that scikit-learn has."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    return pipeline.fit(data, load_breast_cancer().target)


def _table(pipeline: Pipeline, data: Array) -> ModelProto:
    options = {id(pipeline): {"zipmap": False}}
    whole = to_onnx(pipeline, data[:1], options=options, target_opset=_OPSET)
    probabilities: ModelProto = select_model_inputs_outputs(whole, outputs=[OUTPUT])
    return probabilities


def _image() -> ModelProto:
    """Return one convolution with a stride of 8, the mean of each channel, and a dense layer; weights by lot."""
    draw = np.random.default_rng(_SEED)

    def weights(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(draw.standard_normal(shape, dtype=np.float32) / 10, name)

    nodes = [
        helper.make_node("Conv", [INPUT, "kernel"], ["map"], strides=[8, 8], pads=[0, 0, 0, 0]),
        helper.make_node("Relu", ["map"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["scores"]),
        helper.make_node("Softmax", ["scores"], [OUTPUT]),
    ]
    graph = helper.make_graph(
        nodes,
        "image",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", _CLASSES])],
        [weights("kernel", _CHANNELS, 3, 8, 8), weights("dense", _CHANNELS, _CLASSES)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)


def _save(model: ModelProto, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    save(model, directory / "model.onnx")


def describe(payloads: Sequence[Payload]) -> str:
    """Say how long ONNX Runtime takes alone."""
    return ", ".join(f"{payload.name} {payload.run_microseconds:.0f} µs" for payload in payloads)
