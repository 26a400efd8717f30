"""Real clients are the judge: tritonclient and KServe's ask for everything that ONNX has a test of."""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

from leadsman_serving.model import OnnxModel
from leadsman_serving.session import load
from leadsman_serving.tensors import Array
from serving import models
from serving.judging import InProcess, Judge, Refused, in_process, judge

DATATYPES = {kind: name for name, kind in models.DATATYPES.items()}
WAYS = [
    *(("triton", way) for way in ("binary", "json", "grpc")),
    *(("kserve", way) for way in ("binary", "json", "grpc", "grpc typed")),
]


@pytest.fixture(scope="module")
def server() -> Iterator[InProcess]:
    with in_process() as server:
        yield server


@pytest.fixture(scope="module")
def judges(server: InProcess) -> Iterator[dict[str, Judge]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(judge(name, server)) for name in ("triton", "kserve")}


class NotApplicable(Exception):  # noqa: N818
    """Why a test of ONNX says nothing about a server of ours."""


def datatypes(values: Any) -> list[str]:
    for value in values:
        if not value.type.HasField("tensor_type"):
            raise NotApplicable("a sequence, map or optional, which the protocol cannot carry")
        if value.type.tensor_type.elem_type not in DATATYPES:
            raise NotApplicable("a datatype that the protocol does not have")
    return [DATATYPES[value.type.tensor_type.elem_type] for value in values]


def prepared(case: TestCase, directory: Path) -> OnnxModel:
    """The model as the server loads it, where ONNX Runtime passes the test by itself."""
    datatypes([*case.model.graph.input, *case.model.graph.output])
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:
        raise NotApplicable("ONNX Runtime has no such operator, or not for these types") from None
    for inputs, expected in case.data_sets:
        names = [value.name for value in case.model.graph.input]
        try:
            given = session.run(None, dict(zip(names, inputs, strict=False)))
        except Exception:
            raise NotApplicable("ONNX Runtime fails on the test's own input") from None
        try:
            compare(case, expected, given)
        except (AssertionError, TypeError):
            raise NotApplicable("ONNX Runtime itself gives another answer") from None
    return load(models.save(case.model, directory), 1)


def compare(case: TestCase, expected: list[Array], given: list[Array]) -> None:
    Runner.assert_similar_outputs([np.asarray(each) for each in expected], given, case.rtol, case.atol)


def not_sayable(client: str, way: str, inputs: list[Array], outputs: list[Array], kinds: list[str]) -> str | None:
    """Why a client cannot say a test's tensors in this form."""
    if way == "json" and not all(np.isfinite(each).all() for each in (*inputs, *outputs) if each.dtype.kind == "f"):
        return "JSON has no NaN and no infinity"
    if (client, way) in (("kserve", "json"), ("kserve", "grpc typed")) and "FP16" in kinds:
        return "KServe's client sends FP16 as bytes only"
    return None


@pytest.fixture(scope="module")
def corpus() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests' own numpy code divides by zero
        cases: list[TestCase] = load_model_tests(kind="node")
    return cases


def test_the_node_tests_of_onnx(
    corpus: list[TestCase], server: InProcess, judges: dict[str, Judge], tmp_path: Path
) -> None:
    counts: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    failures: list[str] = []
    for case in corpus:
        try:
            server.serve(prepared(case, tmp_path))
        except NotApplicable as reason:
            counts[f"not applicable: {reason}"] += 1
            continue
        failed = list(failures_of(case, judges, asked))
        counts["failed" if failed else "passed"] += 1
        failures += failed
    print(f"{len(corpus)} node tests of onnx {onnx.__version__}, ONNX Runtime {ort.__version__}")
    for what, count in [*sorted(counts.items()), *sorted(asked.items())]:
        print(f"{count:6} {what}")
    assert failures == []
    assert counts["passed"] >= 1200


def failures_of(case: TestCase, judges: dict[str, Judge], asked: Counter[str]) -> Iterator[str]:
    kinds = datatypes(case.model.graph.input)
    names = [value.name for value in case.model.graph.output]
    for given, expected in case.data_sets:
        arrays = [np.asarray(each) for each in given]
        inputs = [
            (value.name, kind, each) for value, kind, each in zip(case.model.graph.input, kinds, arrays, strict=False)
        ]
        for client, way in WAYS:
            reason = not_sayable(client, way, arrays, [np.asarray(each) for each in expected], kinds)
            asked[f"not asked by {client}, {way}: {reason}" if reason else f"asked by {client}, {way}"] += 1
            if reason is None:
                try:
                    compare(case, expected, judges[client].infer(way, inputs, names))
                except (Refused, AssertionError, TypeError) as error:
                    yield f"{case.name} by {client}, {way}: {str(error).strip()[:300]}"
