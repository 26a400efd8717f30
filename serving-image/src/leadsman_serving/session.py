"""A model file as an ONNX Runtime session: loaded and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort

from leadsman_package.digest import model_digest
from leadsman_serving.errors import ModelLoadError
from leadsman_serving.memory import bound_arena
from leadsman_serving.model import OnnxModel, explain
from leadsman_serving.providers import CPU, full_name, missing_in_build, options
from leadsman_serving.signature import Signature, TensorSpec
from leadsman_serving.starting import check_libraries, check_started, prepare

MODEL_FILE = "model.onnx"

_DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_FATAL = 4  # ONNX Runtime's own log stays quiet: every failure is raised and reported once, by us


def load(model_dir: Path, threads: int, providers: Sequence[str] = (CPU,)) -> OnnxModel:
    """Return the model in `model_dir`, which computes with `threads` threads per run, by these execution providers.

    Raises ModelLoadError, in one sentence, when the file is missing, is not a model that this ONNX Runtime can run,
    or has inputs or outputs that are not tensors of the protocol's datatypes; and when a provider cannot be had.
    """
    path = model_dir / MODEL_FILE
    try:
        path.open("rb").close()
    except OSError as error:
        raise ModelLoadError(f"no model can be read at {path}: {error.strerror}") from None
    session = _open(path, threads, providers)
    try:
        signature = Signature(
            inputs=tuple(_spec("input", node) for node in session.get_inputs()),
            outputs=tuple(_spec("output", node) for node in session.get_outputs()),
        )
    except UnicodeDecodeError:
        raise ModelLoadError(f"{path} has an input, an output or a dimension whose name is not UTF-8") from None
    try:
        digest = model_digest(path)
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path}, or a file of its data, has no digest: {error}") from None
    return OnnxModel(session, signature, digest)


def _open(path: Path, threads: int, providers: Sequence[str]) -> Any:
    lacking = missing_in_build(providers, ort.get_available_providers(), ort.__version__)
    if lacking is not None:
        raise ModelLoadError(lacking)
    ort.set_default_logger_severity(_FATAL)
    bound_arena()
    prepare(providers)
    chosen = [(full_name(provider), options(provider, threads)) for provider in providers]
    try:
        session = ort.InferenceSession(str(path), _options(threads, providers), providers=chosen, enable_fallback=0)
    except Exception as error:
        check_libraries(providers)
        raise ModelLoadError(f"ONNX Runtime {ort.__version__} cannot load {path}: {explain(error)}") from None
    check_started(session, providers)
    return session


def _options(threads: int, providers: Sequence[str]) -> Any:
    session_options = ort.SessionOptions()
    session_options.intra_op_num_threads = threads
    session_options.inter_op_num_threads = 1
    session_options.log_severity_level = _FATAL
    # Spinning threads would burn a container's CPU quota while they wait.
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session_options.add_session_config_entry("session.use_env_allocators", "1")
    if len(providers) > 1:
        session_options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return session_options


def _spec(role: str, node: Any) -> TensorSpec:
    kind = str(node.type)
    datatype = _DATATYPES.get(kind.removeprefix("tensor(").removesuffix(")")) if kind.startswith("tensor(") else None
    if datatype is None:
        raise ModelLoadError(
            f"{role} {node.name!r} of the model is a {kind}, which the Open Inference Protocol cannot carry: "
            "only tensors of booleans, integers, FP16, FP32, FP64 and strings can be served"
            + (" (for a scikit-learn classifier, convert with zipmap=False)" if kind.startswith("seq(map(") else "")
        )
    return TensorSpec(name=node.name, datatype=datatype, shape=tuple(map(_dimension, node.shape)))


def _dimension(size: int | str | None) -> int | str | None:
    # Exporters write -1 for a free dimension, too.
    return None if isinstance(size, int) and size < 0 else size
