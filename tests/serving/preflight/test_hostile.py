"""Models that end, block or fill whatever runs them: preflight says so, in time, and lives on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from serving import models
from serving.preflight.packages import Request, bare, package, scores
from serving.preflight.proving import Proof, prove
from serving.test_hostile_models import beyond_memory, nested, recursive

_value = helper.make_tensor_value_info


def deep_functions(depth: int = 10_000) -> Any:
    """Functions of which each calls the next: putting one into the other takes more stack than there is."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    bodies = [helper.make_node(f"F{index + 1}", ["x"], ["y"], domain="d") for index in range(depth - 1)]
    bodies.append(helper.make_node("Identity", ["x"], ["y"]))
    functions = [
        helper.make_function("d", f"F{index}", ["x"], ["y"], [body], opsets) for index, body in enumerate(bodies)
    ]
    graph = helper.make_graph(
        [helper.make_node("F0", ["x"], ["y"], domain="d")],
        "g",
        [_value("x", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
    )
    return helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=8)


def zeros() -> Any:
    """y is as many zeros as x, of INT64 [R], says for each dimension."""
    return models.graph(
        [helper.make_node("ConstantOfShape", ["x"], ["y"])],
        [_value("x", TensorProto.INT64, ["R"])],
        [_value("y", TensorProto.FLOAT, None)],
    )


def _whole(name: str, *values: int, shape: list[int] | None = None) -> Request:
    shape = [len(values)] if shape is None else shape
    return {"inputs": [{"name": name, "datatype": "INT64", "shape": shape, "data": list(values)}]}


_ANY = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [0.0]}]}


def _rejected(proof: Proof, check: str, *reasons: str) -> None:
    assert proof.code == 65, proof.said
    assert proof.failed[0] == check, proof.said
    for reason in reasons:
        assert reason in proof.report["sentence"]


def test_a_model_that_ends_the_process_when_it_is_loaded(tmp_path: Path) -> None:
    _rejected(
        prove(tmp_path, bare(tmp_path / "model", deep_functions())),
        "load",
        "the model ended the process that runs it (SIGSEGV)",
    )


LOADING = {
    "a tensor beyond all memory": (beyond_memory(), "declares a size of 4398046511104 bytes"),
    "a graph in a graph, 20,000 deep": (nested(20_000), "Protobuf parsing failed"),
    "a function that calls itself": (recursive(), "must not be recursive"),
    "an empty file": (b"", ""),
    "a web page": (b"<html>404</html>", ""),
}


@pytest.mark.parametrize("case", LOADING)
def test_a_file_that_is_no_model(case: str, tmp_path: Path) -> None:
    content, reason = LOADING[case]
    path = tmp_path / "model" / "m.onnx"
    path.parent.mkdir()
    path.write_bytes(content)
    proof = prove(tmp_path, path)
    assert proof.code == 65, proof.said
    assert proof.failed[0] in ("load", "fetch")
    assert reason in proof.report["sentence"]


def test_an_answer_beyond_the_limit_of_memory(tmp_path: Path) -> None:
    directory = package(tmp_path / "model", zeros(), {"large": _whole("x", 2**28)}, answers={"large": _ANY})
    proof = prove(tmp_path, directory, "--memory-limit", str(300 << 20), "--max-body-bytes", str(2 << 30))
    _rejected(proof, "memory", "the model needs more than the limit of 300 MiB while answering")
    assert proof.verdicts["golden"] == "Skip"


def test_an_answer_beyond_all_memory_is_a_failure_of_that_request(tmp_path: Path) -> None:
    directory = package(tmp_path / "model", zeros(), {"huge": _whole("x", 2**62)}, answers={"huge": _ANY})
    _rejected(prove(tmp_path, directory), "golden", "golden request 'huge': the model failed on this input")


def test_an_input_beyond_all_memory_is_not_made_up(tmp_path: Path) -> None:
    proof = prove(tmp_path, bare(tmp_path / "model", models.through("FP32", [2**62, 2**62])))
    assert proof.code == 0, proof.said
    assert "its smallest input is larger than a request may be" in proof.check("latency")["message"]


def test_a_batch_that_needs_too_much(tmp_path: Path) -> None:
    """Each row is made 4 MiB large: one goes, 64 do not."""
    model = models.graph(
        [
            helper.make_node("Reshape", ["x", "column"], ["c"]),
            helper.make_node("Mul", ["c", "row"], ["m"]),
            helper.make_node("ReduceSum", ["m", "axis"], ["y"], keepdims=0),
        ],
        [_value("x", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
        (
            numpy_helper.from_array(np.array([-1, 1]), "column"),
            numpy_helper.from_array(np.ones((1, 1 << 21), np.float32), "row"),
            numpy_helper.from_array(np.array([1]), "axis"),
        ),
    )
    proof = prove(tmp_path, bare(tmp_path / "model", model), "--memory-limit", str(300 << 20))
    _rejected(proof, "memory", "the model needs more than the limit of 300 MiB while running the largest batch")


def test_rows_that_cannot_be_run_together_are_a_warning(tmp_path: Path) -> None:
    """The model takes any number of rows, by its own word, and fails on other than one."""
    model = models.graph(
        [helper.make_node("Reshape", ["x", "one"], ["r"]), helper.make_node("Identity", ["r"], ["y"])],
        [_value("x", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
        (numpy_helper.from_array(np.array([1]), "one"),),
    )
    proof = prove(tmp_path, bare(tmp_path / "model", model))
    assert (proof.code, proof.verdicts["latency"]) == (0, "Warn"), proof.said
    assert "64 rows at once are not taken" in proof.check("latency")["message"]


def test_nothing_in_a_package_is_unpickled(tmp_path: Path) -> None:
    directory = package(tmp_path / "model", models.lookup(), {}, **{"model.pkl": b"cos\nsystem\n(S'touch owned'\ntR."})
    proof = prove(tmp_path, directory)
    assert proof.code == 0, proof.said
    assert not list(tmp_path.rglob("owned"))


def test_data_of_a_model_that_leads_out_of_it(tmp_path: Path) -> None:
    model = models.lookup()
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    table.external_data.add(key="location", value="../../secret.bin")
    model.graph.initializer[0].CopyFrom(table)
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "m.onnx").write_bytes(model.SerializeToString())
    proof = prove(tmp_path, directory / "m.onnx")
    _rejected(proof, "fetch", "leads outside the model's directory")


def _a_directory(directory: Path, name: str) -> Path:
    """A package that has a directory where a file of this name is expected."""
    (directory / name).mkdir(parents=True)
    (directory / name / "y").write_text("{}")
    return package(directory, scores())


def test_a_directory_in_place_of_a_sample(tmp_path: Path) -> None:
    """Of the candidate it is an error, as the server would not start; of stable it is nothing."""
    good, broken = package(tmp_path / "good", scores()), _a_directory(tmp_path / "broken", "samples/x.json")
    for options in ((), ("--against", good)):
        proof = prove(tmp_path, broken, *options)
        assert (proof.code, proof.failed) == (65, ["golden"]), proof.said
        assert "request samples/x.json: cannot be read: Is a directory" in proof.report["sentence"]
    assert prove(tmp_path, good, "--against", broken).code == 0


@pytest.mark.parametrize("name", ["golden/x.json", "model.sig", "baseline.json", "model.onnx.data", "samples/a.json/b"])
def test_a_directory_in_place_of_a_file_is_never_a_reason_to_try_again(name: str, tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text("")
    proof = prove(tmp_path, _a_directory(tmp_path / "broken", name), "--public-key", key)
    assert proof.code in (0, 65), proof.said
