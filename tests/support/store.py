"""A store of models in the cluster, for its tests and benchmarks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from support.cluster import ROOT, kubectl


@contextmanager
def model_store(namespace: str, *extra: Path) -> Iterator[str]:
    """A store, by its URL, in a namespace of its own: the quickstart's v1.onnx and v2.onnx, and what is extra."""
    quickstart = ROOT / "examples/quickstart"
    files = [quickstart / "models", *extra]
    kubectl("create", "namespace", namespace)
    try:
        kubectl("-n", namespace, "create", "configmap", "models", *(f"--from-file={file}" for file in files))
        manifest = (quickstart / "store.yaml").read_text()
        named = manifest.replace("SERVING_IMAGE", serving_image()).replace("quickstart", namespace)
        kubectl("apply", "-f", "-", stdin=named)
        kubectl("-n", namespace, "rollout", "status", "deployment/model-store", "--timeout=120s")
        yield f"http://model-store.{namespace}.svc"
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def serving_image() -> str:
    """The serving image of the Leadsman that is installed: it has Python, for pods that help."""
    operator = kubectl("-n", "leadsman-system", "get", "deployment", "leadsman", "-o", "json")
    return next(word for word in operator.split('"') if "leadsman-serving:" in word)


def write_misfit(path: Path) -> Path:
    """Write a model that refuses every request of the quickstart's users: it wants seven features, they send four."""
    return _write(path, [helper.make_node("Identity", ["X"], ["label"])], ["N", 7], TensorProto.FLOAT, ["N", 7])


def write_touchy(path: Path) -> Path:
    """Write a model that takes what the quickstart's users send, but fails if a flower's first number is 8 or more."""
    nodes = [
        helper.make_node("Slice", ["X", "from", "to", "columns"], ["first"]),
        helper.make_node("Cast", ["first"], ["row"], to=TensorProto.INT64),
        helper.make_node("Gather", ["kinds", "row"], ["label"]),
    ]
    known = [
        helper.make_tensor("kinds", TensorProto.INT64, [8], [0] * 8),
        helper.make_tensor("from", TensorProto.INT64, [1], [0]),
        helper.make_tensor("to", TensorProto.INT64, [1], [1]),
        helper.make_tensor("columns", TensorProto.INT64, [1], [1]),
    ]
    return _write(path, nodes, ["N", 4], TensorProto.INT64, ["N", 1], known)


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    takes: list[str | int],
    kind: int,
    gives: list[str | int],
    known: Sequence[onnx.TensorProto] = (),
) -> Path:
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, takes)]
    graph = helper.make_graph(nodes, path.stem, inputs, [helper.make_tensor_value_info("label", kind, gives)], known)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
