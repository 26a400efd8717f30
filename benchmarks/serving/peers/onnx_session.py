"""The ONNX Runtime session that every peer serves: one thread, as there is one core."""

import os
from typing import Any

import onnxruntime as ort


def load() -> Any:
    """Return the session of the model in the directory BENCH_MODEL."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = os.path.join(os.environ["BENCH_MODEL"], "model.onnx")  # noqa: PTH118 - ONNX Runtime takes strings
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
