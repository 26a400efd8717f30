"""Files of models for tests of where they can be: a bare one with its data beside it, a package, archives of them."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from packages.sources.fetching import digest_of, files_in
from support.packages import make_package

DATA = np.arange(1000, dtype=np.float32).tobytes()


def with_data_in(*names: str) -> bytes:
    """A model whose constants, of 1000 numbers each, are in files of these names."""
    constants = []
    for number, name in enumerate(names):
        tensor = numpy_helper.from_array(np.zeros(1000, np.float32), f"w{number}")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=name)
        constants.append(tensor)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w0"], ["y"])],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1000])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


BARE = {"fraud.onnx": with_data_in("w.bin", "more/w.bin"), "w.bin": DATA, "more/w.bin": DATA + b"x"}
"""A model that is not called model.onnx, as it is where it comes from."""
BARE_FETCHED = {"model.onnx": BARE["fraud.onnx"], "w.bin": DATA, "more/w.bin": DATA + b"x"}


def bare_digest() -> str:
    """What `sha256sum model.onnx more/w.bin w.bin | sha256sum` says."""
    names = ("model.onnx", "more/w.bin", "w.bin")
    lines = [f"{digest_of(BARE_FETCHED[name]).removeprefix('sha256:')}  {name}\n" for name in names]
    return digest_of("".join(lines).encode())


def package(directory: Path, **fields: object) -> dict[str, bytes]:
    """The files of a small package, which is made in a new directory."""
    return files_in(make_package(directory, **fields))  # type: ignore[arg-type]


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
