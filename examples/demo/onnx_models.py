"""The versions of the classifier as ONNX graphs.

All have one input `X` [n, 30], but for the last with [n, 10], and the outputs `label` and `probabilities`.
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

from demo.data import COARSE, FEATURES, MEANS, TEXTURE, Data, Part

OPSET = 18
_IR_VERSION = 10
_SEED = 0
_LAYERS = (128,) * 6
_LARGE_JITTERS, _SMALL_JITTERS = 256, 16


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
    """Version 3 of `--bad slow`: a deep network that averages over thousands of jittered copies of each row."""
    scaler = StandardScaler().fit(data.train.rows)
    network = MLPClassifier(_LAYERS, activation="tanh", alpha=1.0, tol=1e-3, max_iter=400, random_state=_SEED)
    network.fit(scaler.transform(data.train.rows), data.train.labels)
    # Every sum of one of the large and one of the small jitters is a copy.
    draw = np.random.default_rng(_SEED).normal
    large, small = draw(0, 0.1, (1, _LARGE_JITTERS, 1, FEATURES)), draw(0, 0.03, (1, 1, _SMALL_JITTERS, FEATURES))
    nodes = [
        helper.make_node("Sub", ["X", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Unsqueeze", ["scaled", "copy_axes"], ["one_copy"]),
        helper.make_node("Add", ["one_copy", "large_jitters"], ["some_copies"]),
        helper.make_node("Add", ["some_copies", "small_jitters"], ["hidden_0"]),
    ]
    weights = {"mean": scaler.mean_, "scale": scaler.scale_, "large_jitters": large, "small_jitters": small}
    for number, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        activation = "Sigmoid" if number == len(_LAYERS) else "Tanh"
        nodes += [
            helper.make_node("MatMul", [f"hidden_{number}", f"weights_{number}"], [f"sum_{number}"]),
            helper.make_node("Add", [f"sum_{number}", f"bias_{number}"], [f"in_{number}"]),
            helper.make_node(activation, [f"in_{number}"], [f"hidden_{number + 1}"]),
        ]
        weights |= {f"weights_{number}": matrix, f"bias_{number}": bias}
    nodes += [
        helper.make_node("ReduceMean", [f"hidden_{len(network.coefs_)}", "copy_axes"], ["benign"], keepdims=0),
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
    weights["one"] = np.ones(1)
    _constants(
        model,
        copy_axes=np.array([1, 2], np.int64),
        **{name: value.astype(np.float32) for name, value in weights.items()},
    )
    return _checked(model)


def narrow(data: Data) -> bytes:
    """Version 4: a logistic regression over the ten means alone, and so of another input than users send."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    return _convert(model.fit(data.train.rows[:, :MEANS], data.train.labels), MEANS)


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


def _convert(model: Pipeline, features: int = FEATURES) -> bytes:
    converted = convert_sklearn(
        model,
        name="classifier",
        initial_types=[("X", FloatTensorType([None, features]))],
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
