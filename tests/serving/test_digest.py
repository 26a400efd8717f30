"""The digest of a model covers all that it is made of, also the data in other files."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from leadsman_package.digest import external_files, model_digest
from serving import models
from serving.process import serving

TABLE = np.array([1.5, 2.5, 3.5], dtype=np.float32)


def elsewhere(location: str, name: str = "table") -> TensorProto:
    """The tensor of models.lookup() in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def with_data_in(location: str) -> Any:
    model = models.lookup()
    model.graph.initializer[0].CopyFrom(elsewhere(location))
    return model


def constant(location: str) -> Any:
    return helper.make_node("Constant", [], ["c"], value=elsewhere(location))


def add_branch(model: Any) -> None:
    branch = helper.make_graph([constant("a.bin")], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))


def add_function(model: Any) -> None:
    model.functions.append(helper.make_function("d", "F", [], ["c"], [constant("a.bin")], []))


def add_sparse(model: Any) -> None:
    sparse = onnx.SparseTensorProto(values=elsewhere("a.bin"), indices=elsewhere("b.bin"), dims=[3])
    model.graph.sparse_initializer.append(sparse)


PLACES: dict[str, tuple[Callable[[Any], None], set[str]]] = {
    "an initializer": (lambda model: model.graph.initializer.append(elsewhere("a.bin")), {"a.bin"}),
    "two, of one file": (lambda model: model.graph.initializer.extend([elsewhere("a"), elsewhere("a")]), {"a"}),
    "a directory below": (lambda model: model.graph.initializer.append(elsewhere("w/a.bin")), {"w/a.bin"}),
    "an attribute": (lambda model: model.graph.node.append(constant("a.bin")), {"a.bin"}),
    "a graph within a node": (add_branch, {"a.bin"}),
    "a function": (add_function, {"a.bin"}),
    "a sparse tensor": (add_sparse, {"a.bin", "b.bin"}),
    "a training step": (
        lambda model: model.training_info.add().algorithm.initializer.append(elsewhere("a.bin")),
        {"a.bin"},
    ),
    "nowhere, though a name says location": (
        lambda model: model.metadata_props.add(key="location", value="a.bin"),
        set(),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_data_is_found_in(place: str, tmp_path: Path) -> None:
    prepare, expected = PLACES[place]
    model = models.lookup()
    prepare(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert external_files(tmp_path / "model.onnx") == expected


def test_a_model_as_the_onnx_package_saves_it(tmp_path: Path) -> None:
    names = [f"w{number}" for number in range(5)]
    weights = tuple(
        numpy_helper.from_array(np.full(300, number, np.float32), name) for number, name in enumerate(names)
    )
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [300])
    model = models.graph([helper.make_node("Sum", names, ["y"])], [], [value], weights)
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, all_tensors_to_one_file=False)
    assert external_files(tmp_path / "model.onnx") == set(names)


def test_without_other_files_it_is_the_digest_of_the_file(tmp_path: Path) -> None:
    path = models.save(models.lookup(), tmp_path) / "model.onnx"
    (tmp_path / "notes.txt").write_text("no part of the model")
    assert model_digest(path) == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_with_other_files_anybody_can_compute_it(tmp_path: Path, client: httpx.Client) -> None:
    model = with_data_in("b.bin")
    model.graph.initializer.append(elsewhere("w/a.bin", "unused"))
    directory = models.save(model, tmp_path)
    (directory / "w").mkdir()
    for name in ("b.bin", "w/a.bin"):
        TABLE.tofile(directory / name)
    listing = subprocess.run(
        "sha256sum model.onnx b.bin w/a.bin | sha256sum", shell=True, cwd=directory, capture_output=True, check=True
    )
    expected = f"sha256:{listing.stdout.decode().split()[0]}"
    with serving(directory) as server:
        assert f'digest="{expected}"' in client.get(server.metrics_url).text
    (directory / "notes.txt").write_text("no part of the model")
    assert model_digest(directory / "model.onnx") == expected
    (TABLE + 1).tofile(directory / "w" / "a.bin")
    assert model_digest(directory / "model.onnx") != expected


OUTSIDE = {
    "a file in the directory above": "../secret",
    "an absolute path": "/etc/hostname",
    "a device": "/dev/zero",
    "a file that is not there": "gone.bin",
    "a link that leads out": "link.bin",
    "a pipe, which nobody fills": "pipe",
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_never_read(case: str, tmp_path: Path) -> None:
    directory = models.save(with_data_in(OUTSIDE[case]), tmp_path / "model")
    (tmp_path / "secret").write_bytes(bytes(12))
    (directory / "link.bin").symlink_to(tmp_path / "secret")
    os.mkfifo(directory / "pipe")
    own = hashlib.sha256((directory / "model.onnx").read_bytes()).hexdigest()
    assert model_digest(directory / "model.onnx") == f"sha256:{own}"


@given(
    before=st.binary(max_size=60),
    after=st.binary(max_size=60),
    cut=st.integers(0, 200),
)
def test_bytes_that_are_no_model_end_in_one_kind_of_error(
    before: bytes, after: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "spoiled.onnx"
    path.write_bytes((before + with_data_in("a.bin").SerializeToString() + after)[: cut + 1])
    try:
        found = external_files(path)
    except ValueError:
        found = set()
    assert all(isinstance(name, str) for name in found)
