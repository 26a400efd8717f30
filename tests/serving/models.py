"""Tiny ONNX models, each with one property that a test needs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
NUMPY_TYPES = {name: helper.tensor_dtype_to_np_dtype(kind) for name, kind in DATATYPES.items()}
_value = helper.make_tensor_value_info


def graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: tuple[Any, ...] = ()) -> Any:
    """A model of these nodes."""
    whole = helper.make_graph(nodes, "test", inputs, outputs, list(constants))
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def every_datatype() -> Any:
    """One input x_<datatype> and one output y_<datatype> each, passed through, of any shape of rank 2."""
    return graph(
        [helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]) for name in DATATYPES],
        [_value(f"x_{name}", kind, [None, None]) for name, kind in DATATYPES.items()],
        [_value(f"y_{name}", kind, [None, None]) for name, kind in DATATYPES.items()],
    )


def through(datatype: str, shape: list[int | str | None]) -> Any:
    """Passes x on as y: a classifier that predicts what one asks for."""
    return graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [_value("x", DATATYPES[datatype], shape)],
        [_value("y", DATATYPES[datatype], shape)],
    )


def mixed() -> Any:
    """Five inputs of different types and shapes with one dimension "N" in common, each passed through as NAME_out."""
    inputs: dict[str, tuple[str, list[int | str | None]]] = {
        "f": ("FP32", ["N", 3]),
        "s": ("BYTES", ["N"]),
        "b": ("BOOL", ["N"]),
        "u": ("UINT8", [None]),
        "h": ("FP16", ["N"]),
    }
    return graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in inputs],
        [_value(name, DATATYPES[datatype], shape) for name, (datatype, shape) in inputs.items()],
        [_value(f"{name}_out", DATATYPES[datatype], shape) for name, (datatype, shape) in inputs.items()],
    )


def cast(taken: str, given: str) -> Any:
    """y (of datatype `given`) is x (of datatype `taken`), of any length."""
    return graph(
        [helper.make_node("Cast", ["x"], ["y"], to=DATATYPES[given])],
        [_value("x", DATATYPES[taken], ["N"])],
        [_value("y", DATATYPES[given], ["N"])],
    )


def lookup() -> Any:
    """A table of three rows: x (INT64 [N]) picks y (FP32 [N]); any other index than -3..2 fails at run time."""
    table = numpy_helper.from_array(np.array([1.5, 2.5, 3.5], dtype=np.float32), "table")
    return graph(
        [helper.make_node("Gather", ["table", "x"], ["y"])],
        [_value("x", TensorProto.INT64, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
        (table,),
    )


def total() -> Any:
    """sum and difference (FP32 [N, 3]) of a (FP32 [N, 3]) and b (FP32 [N, 3])."""
    return graph(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        [_value("a", TensorProto.FLOAT, ["N", 3]), _value("b", TensorProto.FLOAT, ["N", 3])],
        [_value("sum", TensorProto.FLOAT, ["N", 3]), _value("difference", TensorProto.FLOAT, ["N", 3])],
    )


def spin() -> Any:
    """Multiplies matrices `turns` (INT64 []) times: as slow as one likes."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["m", "eye"], ["m_next"]), helper.make_node("Identity", ["go"], ["go_next"])],
        "body",
        [_value("i", TensorProto.INT64, []), _value("go", TensorProto.BOOL, []), _value("m", TensorProto.FLOAT, None)],
        [_value("go_next", TensorProto.BOOL, []), _value("m_next", TensorProto.FLOAT, None)],
    )
    eye = numpy_helper.from_array(np.eye(200, dtype=np.float32), "eye")
    return graph(
        [
            helper.make_node("Loop", ["turns", "", "eye"], ["m_last"], body=body),
            helper.make_node("ReduceSum", ["m_last"], ["y"], keepdims=0),
        ],
        [_value("turns", TensorProto.INT64, [])],
        [_value("y", TensorProto.FLOAT, None)],
        (eye,),
    )


def dense(width: int = 1024) -> Any:
    """A table of three rows: x (INT64 [N]) picks one, which is multiplied by a matrix: z (FP32 [N, width]).

    The matrix makes a run of many rows cost hardly more than one; any other index than -3..2 fails at run time.
    """
    random = np.random.default_rng(7)
    table = numpy_helper.from_array(random.normal(size=(3, width)).astype(np.float32), "table")
    matrix = numpy_helper.from_array(random.normal(size=(width, width)).astype(np.float32), "matrix")
    return graph(
        [helper.make_node("Gather", ["table", "x"], ["y"]), helper.make_node("MatMul", ["y", "matrix"], ["z"])],
        [_value("x", TensorProto.INT64, ["N"])],
        [_value("z", TensorProto.FLOAT, ["N", width])],
        (table, matrix),
    )


def unknown_operator() -> Any:
    """Uses an operator that no ONNX Runtime has."""
    model = graph(
        [helper.make_node("Frobnicate", ["x"], ["y"], domain="example.com")],
        [_value("x", TensorProto.FLOAT, [1])],
        [_value("y", TensorProto.FLOAT, [1])],
    )
    model.opset_import.append(helper.make_opsetid("example.com", 1))
    return model


def future_opset() -> Any:
    """Says that it needs an operator set from far in the future."""
    model = lookup()
    model.opset_import[0].version = 999
    return model


def classifier(*, zipmap: bool) -> Any:
    """A scikit-learn classifier of three features as skl2onnx converts it."""
    rows = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 1]], dtype=np.float32)
    fitted = LogisticRegression().fit(rows, [0, 1, 0, 1])
    return to_onnx(fitted, rows[:1], options={"zipmap": zipmap})


def save(model: Any, directory: Path) -> Path:
    """Write the model where the server looks for it; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(model, directory / "model.onnx")
    return directory
