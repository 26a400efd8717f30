"""Three versions of the classifier as ONNX graphs.

All have one input `X` [n, 30] and the outputs `label` and `probabilities`.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from demo.data import COARSE, FEATURES, TEXTURE, Data, Part

OPSET = 18
_IR_VERSION = 10
_SEED = 0
_COPIES = 4096
_HIDDEN = 768


def first(data: Data) -> bytes:
    """Version 1: a logistic regression that looks at radius and texture only."""
    two = ColumnTransformer([("two", StandardScaler(), [0, TEXTURE])])
    return _convert(make_pipeline(two, LogisticRegression()).fit(data.train.rows, data.train.labels))


def better(data: Data) -> bytes:
    """Version 2: a logistic regression over all thirty measurements."""
    return _convert(_all_features(data))


def broken(data: Data) -> bytes:
    """Version 3: version 2 with a decision threshold of its own for each band of texture, looked up in a table.

    The thresholds were tuned on the offline sample, so the table ends where that sample ends: at coarse rows the lookup
    is out of range, and ONNX Runtime fails.
    """
    model = _all_features(data)
    graph = onnx.load_from_string(_convert(model))
    thresholds = _thresholds(model, data.offline)
    _rename(graph, "label", "plain_label")
    nodes = [
        helper.make_node("Gather", ["X", "texture_column"], ["texture"], axis=1),
        helper.make_node("Floor", ["texture"], ["band_number"]),
        helper.make_node("Cast", ["band_number"], ["band"], to=TensorProto.INT64),
        helper.make_node("Gather", ["thresholds", "band"], ["threshold"], axis=0),
        helper.make_node("Gather", ["probabilities", "benign_column"], ["benign"], axis=1),
        helper.make_node("GreaterOrEqual", ["benign", "threshold"], ["is_benign"]),
        helper.make_node("Cast", ["is_benign"], ["label"], to=TensorProto.INT64),
    ]
    graph.graph.node.extend(nodes)
    _constants(
        graph,
        texture_column=np.array(TEXTURE, np.int64),
        benign_column=np.array(1, np.int64),
        thresholds=thresholds,
    )
    return _checked(graph)


def slow(data: Data) -> bytes:
    """Version 3 of `--bad slow`: a neural network that averages over thousands of jittered copies of each row."""
    scaler = StandardScaler().fit(data.train.rows)
    network = MLPClassifier((_HIDDEN,), activation="tanh", alpha=1.0, max_iter=800, random_state=_SEED)
    network.fit(scaler.transform(data.train.rows), data.train.labels)
    jitter = np.random.default_rng(_SEED).normal(0, 0.1, (1, _COPIES, FEATURES)).astype(np.float32)
    nodes = [
        helper.make_node("Sub", ["X", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Unsqueeze", ["scaled", "axis"], ["one_copy"]),
        helper.make_node("Add", ["one_copy", "jitter"], ["copies"]),
        helper.make_node("MatMul", ["copies", "hidden_weights"], ["hidden_sum"]),
        helper.make_node("Add", ["hidden_sum", "hidden_bias"], ["hidden_in"]),
        helper.make_node("Tanh", ["hidden_in"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "out_weights"], ["out_sum"]),
        helper.make_node("Add", ["out_sum", "out_bias"], ["out"]),
        helper.make_node("Sigmoid", ["out"], ["each"]),
        helper.make_node("ReduceMean", ["each", "axis"], ["benign"], keepdims=0),
        helper.make_node("Sub", ["one", "benign"], ["malignant"]),
        helper.make_node("Concat", ["malignant", "benign"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, FEATURES])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    weights = {"mean": scaler.mean_, "scale": scaler.scale_, "jitter": jitter, "one": np.ones(1)}
    weights |= {"hidden_weights": network.coefs_[0], "out_weights": network.coefs_[1]}
    weights |= {"hidden_bias": network.intercepts_[0], "out_bias": network.intercepts_[1]}
    _constants(
        model, axis=np.array([1], np.int64), **{name: value.astype(np.float32) for name, value in weights.items()}
    )
    return _checked(model)


def _all_features(data: Data) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(data.train.rows, data.train.labels)


def _thresholds(model: Pipeline, offline: Part) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the best threshold per whole unit of texture, for each unit below the first coarse one."""
    benign = model.predict_proba(offline.rows)[:, 1]
    bands = np.floor(offline.rows[:, TEXTURE]).astype(int)
    return np.array(
        [_threshold(benign[bands == b], offline.labels[bands == b]) for b in range(int(COARSE))], np.float32
    )


def _threshold(benign: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Return the threshold with the most right answers, the one nearest to a half among equals."""
    choices = np.linspace(0.2, 0.8, 25)
    right = [int(((benign >= choice) == labels).sum()) for choice in choices]
    return float(max(zip(right, -abs(choices - 0.5), choices, strict=True))[2])


def _convert(model: Pipeline) -> bytes:
    converted = convert_sklearn(
        model,
        name="classifier",
        initial_types=[("X", FloatTensorType([None, FEATURES]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    return bytes(converted.SerializeToString())


def _rename(model: Any, before: str, after: str) -> None:
    for node in model.graph.node:
        for number, name in enumerate(node.output):
            if name == before:
                node.output[number] = after


def _constants(model: Any, **arrays: np.ndarray[Any, Any]) -> None:
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())


def _checked(model: Any) -> bytes:
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
