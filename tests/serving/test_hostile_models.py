"""Model files that mean harm: refused in a sentence, or served as far as they go, and never a machine out of memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from serving import models
from serving.process import free_ports, port_arguments, run, serving

_value = helper.make_tensor_value_info
SECRET = "secret.bin"


def outside(location: str, **more: int) -> bytes:
    """models.lookup() with its table in another file."""
    model = models.lookup()
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        table.external_data.add(key=key, value=str(value))
    model.graph.initializer[0].CopyFrom(table)
    return bytes(model.SerializeToString())


def beyond_memory() -> bytes:
    model = models.lookup()
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[2**40], raw_data=b"abcd")
    model.graph.initializer[0].CopyFrom(table)
    return bytes(model.SerializeToString())


def nested(levels: int) -> bytes:
    """A graph within a node within a graph, and so on; too deep for onnx to write."""
    graph = b""
    for _ in range(levels):
        graph = _field(1, _field(5, _field(6, graph)))
    return b"\x08\x08" + _field(7, graph)


def _field(number: int, content: bytes) -> bytes:
    size, left = bytearray(), len(content)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | 2, *size, left]) + content


def recursive() -> bytes:
    """A function that calls itself."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    body = [helper.make_node("F", ["x"], ["y"], domain="d")]
    function = helper.make_function("d", "F", ["x"], ["y"], body, opsets)
    vector = [_value("x", TensorProto.FLOAT, [1])], [_value("y", TensorProto.FLOAT, [1])]
    graph = helper.make_graph(body, "g", *vector)
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def named(name: bytes) -> bytes:
    """models.total() with an input of this name, of one byte."""
    return bytes(models.total().SerializeToString()).replace(b"\n\x01a", b"\n\x01" + name)


def _link(directory: Path) -> None:
    (directory / "weights.bin").symlink_to(directory.parent / SECRET)


def _short(directory: Path) -> None:
    (directory / "weights.bin").write_bytes(bytes(12))


REFUSED: dict[str, tuple[bytes, Callable[[Path], None] | None, str]] = {
    "data in the directory above": (outside(f"../{SECRET}"), None, "External data path escapes model directory"),
    "data by an absolute path": (outside("/etc/hostname"), None, "Absolute path not allowed"),
    "data by a link that leads out": (outside("weights.bin"), _link, "External data path escapes model directory"),
    "data that is not there": (outside("weights.bin"), None, "External data path does not exist"),
    "data beyond the file's end": (
        outside("weights.bin", offset=0, length=2**40),
        _short,
        "external data size mismatch",
    ),
    "data that begins beyond it": (outside("weights.bin", offset=2**40, length=12), _short, "are out of bounds"),
    "a tensor beyond all memory": (beyond_memory(), None, "declares a size of 4398046511104 bytes"),
    "a graph in a graph, 400 deep": (nested(400), None, "Protobuf parsing failed"),
    "a graph in a graph, 20,000 deep": (nested(20_000), None, "Protobuf parsing failed"),
    "a function that calls itself": (recursive(), None, "must not be recursive"),
    "a name that is not UTF-8": (named(b"\xff"), None, "whose name is not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    data, prepare, reason = REFUSED[case]
    (tmp_path / SECRET).write_bytes(bytes(12))
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.onnx").write_bytes(data)
    if prepare is not None:
        prepare(directory)
    finished = run("serve", str(directory), "--host", "127.0.0.1", *port_arguments(free_ports(3)))
    assert finished.returncode == 65, finished.stderr
    assert reason in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stdout == ""


def test_data_next_to_the_model_is_read(tmp_path: Path, client: httpx.Client) -> None:
    (tmp_path / "model.onnx").write_bytes(outside("weights.bin"))
    np.array([1.5, 2.5, 3.5], dtype=np.float32).tofile(tmp_path / "weights.bin")
    with serving(tmp_path) as server:
        tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [2]}
        assert client.post(server.infer_url, json={"inputs": [tensor]}).json()["outputs"][0]["data"] == [3.5]


def zeros() -> Any:
    """y is as many zeros as x, of INT64 [R], says for each dimension."""
    return models.graph(
        [helper.make_node("ConstantOfShape", ["x"], ["y"])],
        [_value("x", TensorProto.INT64, ["R"])],
        [_value("y", TensorProto.FLOAT, None)],
    )


def test_answers_beyond_all_memory_fail_alone(tmp_path: Path, client: httpx.Client) -> None:
    with serving(models.save(zeros(), tmp_path), "--max-body-bytes", "100000") as server:
        errors = {
            50_000: (413, "the answer's tensors take 200000 bytes, and at most 100000 are sent"),
            10**12: (
                500,
                "the model failed on this input: Non-zero status code returned while running ConstantOfShape",
            ),
            2**62: (500, "the model failed on this input: Non-zero status code returned while running ConstantOfShape"),
            2: (200, ""),
        }
        for size, (status, error) in errors.items():
            tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [size]}
            response = client.post(server.infer_url, json={"inputs": [tensor]})
            assert (response.status_code, error in response.text) == (status, True), response.text
        assert server.metric("process_resident_memory_bytes") < 150e6


def test_an_input_beyond_all_memory_is_not_tried(tmp_path: Path) -> None:
    with serving(models.save(models.through("FP32", [2**62, 2**62]), tmp_path)) as server:
        assert "the smallest input of this model has" in server.log[0]
        assert server.metric("process_resident_memory_bytes") < 150e6


def test_a_run_at_start_that_needs_more_than_all_memory(tmp_path: Path, client: httpx.Client) -> None:
    model = models.graph(
        [helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Add", ["x", "c"], ["y"])],
        [_value("x", TensorProto.FLOAT, [1])],
        [_value("y", TensorProto.FLOAT, None)],
        (numpy_helper.from_array(np.array([10**13]), "s"),),
    )
    with serving(models.save(model, tmp_path)) as server:
        assert "warm-up with a synthesised input was not possible" in server.log[0]
        tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
        assert client.post(server.infer_url, json={"inputs": [tensor]}).status_code == 500
        assert client.get(f"{server.url}/v2/health/ready").status_code == 200
        assert server.metric("process_resident_memory_bytes") < 150e6


def test_a_dimension_of_minus_one_is_free(tmp_path: Path, client: httpx.Client) -> None:
    model = models.graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [_value("x", TensorProto.FLOAT, [-1, 3])],
        [_value("y", TensorProto.FLOAT, [-1, 3])],
    )
    onnx.save(model, tmp_path / "model.onnx")
    with serving(tmp_path) as server:
        tensor = {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [0] * 6}
        assert client.post(server.infer_url, json={"inputs": [tensor]}).status_code == 200
