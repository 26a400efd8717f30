"""The bad candidates: one that fails every request, one that answers all of them slowly."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

_SIZE, _TIMES = 512, 8
"""Of the square matrices that each request multiplies, and how often: some tens of milliseconds."""


def write_slow(path: Path) -> Path:
    """Write a model that takes what the quickstart's users send, and its time."""
    nodes = [
        helper.make_node("ReduceMean", ["X"], ["mean"], keepdims=0),
        helper.make_node("Expand", ["mean", "square"], ["product_0"]),
    ]
    nodes += [
        helper.make_node("MatMul", [f"product_{number}", "weights"], [f"product_{number + 1}"])
        for number in range(_TIMES)
    ]
    nodes += [
        helper.make_node("ReduceMax", [f"product_{_TIMES}"], ["most"], keepdims=0),
        helper.make_node("Mul", ["X", "most"], ["label"]),
        helper.make_node(
            "ConstantOfShape", ["square"], ["weights"], value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1e-3])
        ),
    ]
    nodes.insert(0, nodes.pop())  # what is used is made before
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("label", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor("square", TensorProto.INT64, [2], [_SIZE, _SIZE])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
