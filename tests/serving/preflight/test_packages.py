"""What preflight says of packages: good ones pass, and of each broken one the sentence names what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from leadsman_package.canonical import read_manifest, to_yaml
from leadsman_package.manifest import FILE, Signature
from serving import models
from serving.preflight import packages
from serving.preflight.packages import ask, bare, digest_of, package, scores
from serving.preflight.proving import prove

_value = helper.make_tensor_value_info


def test_a_good_package_passes_by_itself(tmp_path: Path) -> None:
    good = package(tmp_path / "good", scores())
    proof = prove(tmp_path, good, "--digest", digest_of(good), "--memory-limit", str(1 << 30), "--max-latency", "500")
    assert proof.code == 0, proof.said
    assert proof.verdicts == {
        "fetch": "Pass",
        "signed": "Skip",
        "manifest": "Pass",
        "load": "Pass",
        "memory": "Pass",
        "schema": "Skip",
        "golden": "Pass",
        "agreement": "Skip",
        "latency": "Pass",
    }
    assert proof.last_word["digest"] == proof.report["digest"] == digest_of(good)
    assert proof.report["sentence"] == "ready to serve; checks: 6 passed, 3 skipped"
    assert proof.check("golden")["found"] == "2 of 2 golden requests are answered as expected"


def test_a_good_package_passes_against_stable(tmp_path: Path) -> None:
    stable, good = package(tmp_path / "stable", scores()), package(tmp_path / "good", scores(1.00001))
    limits = ("--agreement-at-least", "1", "--latency-ratio", "10")
    proof = prove(tmp_path, good, "--against", stable, "--against-digest", digest_of(stable), *limits)
    assert (proof.code, proof.failed) == (0, []), proof.said
    assert proof.last_word["stableDigest"] == digest_of(stable)
    assert proof.check("agreement")["found"] == "1 of 3 rows"
    assert "stable p50" in proof.check("latency")["found"]
    assert "64 rows: p50" in proof.check("latency")["found"]


def test_a_bare_model_skips_what_it_cannot_have(tmp_path: Path) -> None:
    model = bare(tmp_path / "bare", scores())
    proof = prove(tmp_path, model, "--against", bare(tmp_path / "other", scores(2.0)))
    assert proof.code == 0, proof.said
    assert {name for name, verdict in proof.verdicts.items() if verdict == "Skip"} == {"signed", "manifest", "golden"}
    assert proof.verdicts["agreement"] == "Warn", "there is no request that both could be asked"


def test_an_added_output_breaks_nobody(tmp_path: Path) -> None:
    more = scores()
    more.graph.node.append(helper.make_node("Neg", ["y"], ["z"]))
    more.graph.output.append(_value("z", TensorProto.FLOAT, ["N"]))
    proof = prove(tmp_path, package(tmp_path / "more", more), "--against", package(tmp_path / "stable", scores()))
    assert proof.code == 0, proof.said
    assert proof.check("schema")["message"] == "compatible with stable: output 'z' came (FP32 [N])"


@dataclass(frozen=True)
class Broken:
    """A package that is broken, how it is proven, the check that fails first, and what its sentence says."""

    make: Callable[[Path], Path]
    check: str
    sentence: str
    options: tuple[str, ...] = ()
    against: Callable[[Path], Path] | None = None


def _good(directory: Path) -> Path:
    return package(directory, scores())


def _changed(directory: Path) -> Path:
    """A file is changed after the package was made."""
    package(directory, scores())
    path = directory / "golden/edge.json"
    path.write_text(path.read_text().replace("-2.0", "-2.5"))
    return directory


def _other_answer(directory: Path) -> Path:
    wrong = packages.answered(scores(), packages.REQUESTS["typical"])
    wrong["outputs"][0]["data"] = [42.0, 55.0]
    return package(directory, scores(), answers={"typical": wrong})


def _half_an_answer(directory: Path) -> Path:
    return package(directory, scores(), answers={"edge": {"outputs": []}})


def _other_shape(directory: Path) -> Path:
    return package(directory, scores(), answers={"edge": packages.answered(scores(), packages.REQUESTS["typical"])})


def _fails_on_golden(directory: Path) -> Path:
    row = {"name": "x", "datatype": "INT64", "shape": [1], "data": [9]}
    answer = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1.5]}]}
    return package(directory, models.lookup(), {"beyond": {"inputs": [row]}}, answers={"beyond": answer})


def _asks_for_another(directory: Path) -> Path:
    answer = packages.answered(scores(), packages.REQUESTS["edge"])
    return package(directory, scores(), {"edge": ask(age=[1.0], salary=[2.0])}, answers={"edge": answer})


def _truncated(directory: Path) -> Path:
    return _spoiled(directory, scores().SerializeToString()[:100])


def _spoiled(directory: Path, content: bytes) -> Path:
    """A package whose model is these bytes, and which says so."""
    model = scores()
    package(directory, model)
    (directory / "model.onnx").write_bytes(content)
    return _listed_again(directory)


def _listed_again(directory: Path) -> Path:
    manifest = read_manifest(directory).model_copy(update={"files": packages.files_of(directory)})
    (directory / FILE).write_bytes(to_yaml(manifest))
    return directory


def _custom_operator(directory: Path) -> Path:
    return _spoiled(directory, models.unknown_operator().SerializeToString())


def _lies(directory: Path) -> Path:
    """The manifest says that age is of shape [N, 3]."""
    told = packages.signature_of(scores())
    age = told.inputs[0].model_copy(update={"shape": ("N", 3)})
    lie = Signature(inputs=(age, *told.inputs[1:]), outputs=told.outputs)
    return package(directory, scores(), signature=lie)


def _broken_manifest(directory: Path) -> Path:
    package(directory, scores())
    (directory / FILE).write_text("name: [")
    return directory


def _retyped(directory: Path) -> Path:
    model = models.graph(
        [
            helper.make_node("Cast", ["age"], ["a"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["a", "income"], ["y"]),
        ],
        [_value("age", TensorProto.INT64, ["N"]), _value("income", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
    )
    return package(directory, model, {})


def _removed(directory: Path) -> Path:
    model = models.graph(
        [helper.make_node("Neg", ["age"], ["y"])],
        [_value("age", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
    )
    return package(directory, model, {})


def _large(directory: Path) -> Path:
    """300 MiB of weights."""
    weights = numpy_helper.from_array(np.ones(75 << 20, np.float32), "w")
    model = models.graph(
        [helper.make_node("ReduceSum", ["w"], ["s"], keepdims=0), helper.make_node("Add", ["x", "s"], ["y"])],
        [_value("x", TensorProto.FLOAT, ["N"])],
        [_value("y", TensorProto.FLOAT, ["N"])],
        (weights,),
    )
    return package(directory, model, {})


def _slow(directory: Path) -> Path:
    """Each run multiplies large matrices, whatever is asked."""
    size = 700
    model = models.graph(
        [
            helper.make_node("Add", ["w", "x"], ["m"]),
            helper.make_node("MatMul", ["m", "m"], ["p"]),
            helper.make_node("ReduceSum", ["p"], ["s"], keepdims=0),
            helper.make_node("Mul", ["x", "s"], ["y"]),
        ],
        [_value("x", TensorProto.FLOAT, [1])],
        [_value("y", TensorProto.FLOAT, [1])],
        (numpy_helper.from_array(np.ones((size, size), np.float32), "w"),),
    )
    return package(directory, model, {"one": ask(x=[0.0])})


def _quick(directory: Path) -> Path:
    return package(directory, models.through("FP32", [1]), {"one": ask(x=[0.0])})


BROKEN = {
    "another digest": Broken(
        _good, "fetch", "but sha256:" + "0" * 64 + " was expected", ("--digest", "sha256:" + "0" * 64)
    ),
    "not there": Broken(lambda directory: directory, "fetch", "fetch: "),
    "a file that was changed": Broken(_changed, "fetch", "golden/edge.json"),
    "a manifest that is none": Broken(_broken_manifest, "fetch", "model.yaml"),
    "a changed golden answer": Broken(
        _other_answer,
        "golden",
        "golden request 'typical', output y[1]: expected 55.0, found 54.0; repair the model, or package it again",
    ),
    "a golden answer that is none": Broken(_half_an_answer, "golden", "golden/edge.json: no infer response"),
    "an answer of another shape": Broken(
        _other_shape, "golden", "golden request 'edge', output y: expected shape [2], found shape [1]"
    ),
    "a golden request that the model fails on": Broken(
        _fails_on_golden, "golden", "golden request 'beyond': the model failed on this input"
    ),
    "a golden request for another input": Broken(
        _asks_for_another, "golden", "golden request 'edge': input 'income' is missing; the model takes 'age', 'income'"
    ),
    "cut short": Broken(_truncated, "load", "rotobuf parsing failed"),
    "an operator nobody has": Broken(
        _custom_operator, "load", "example.com:Frobnicate(-1) is not a registered function"
    ),
    "a manifest that lies about a shape": Broken(
        _lies, "manifest", "model.yaml says that input 'age' has the shape [-1, 3], but it has [-1]"
    ),
    "a retyped input": Broken(
        _retyped, "schema", "input 'age' is INT64, was FP32, so that callers of stable break", against=_good
    ),
    "a removed input": Broken(_removed, "schema", "input 'income' is gone", against=_good),
    "too large for the memory": Broken(
        _large,
        "memory",
        "the model needs more than the limit of 200 MiB while loading; raise the memory limit",
        ("--memory-limit", str(200 << 20)),
    ),
    "too slow": Broken(_slow, "latency", "and 0.2 ms are allowed (99 % sure", ("--max-latency", "0.2")),
    "slower than stable": Broken(
        _slow, "latency", "times as long as stable's, and 2 are allowed (99 % sure", ("--latency-ratio", "2"), _quick
    ),
    "another model": Broken(
        lambda directory: package(directory, scores(5.0)),
        "agreement",
        "candidate and stable agree in 0.3333 of 3 rows, and 0.9 is asked for; the first that differs: samples/typical",
        ("--agreement-at-least", "0.9"),
        _good,
    ),
    "nothing to compare with as asked": Broken(
        lambda directory: bare(directory, scores()),
        "agreement",
        "not compared: no request was answered by both; add samples",
        ("--agreement-at-least", "0.9"),
        lambda directory: bare(directory, scores(2.0)),
    ),
    "a stable model that is gone, and has to be agreed with": Broken(
        _good,
        "agreement",
        "put stable's bytes back where they were, or take the demand (--agreement-at-least) out of the policy",
        ("--agreement-at-least", "0.9"),
        lambda directory: directory,
    ),
    "a stable model that is gone, and has to be as slow": Broken(
        _good,
        "latency",
        "put stable's bytes back where they were, or take the demand (--latency-ratio) out of the policy",
        ("--latency-ratio", "2"),
        lambda directory: directory,
    ),
    "too slow, with a stable model that is gone": Broken(
        _slow, "latency", "and 0.2 ms are allowed (99 % sure", ("--max-latency", "0.2"), lambda directory: directory
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_is_rejected_with_a_sentence(case: str, tmp_path: Path) -> None:
    broken = BROKEN[case]
    options = list(broken.options)
    if broken.against is not None:
        options += ["--against", str(broken.against(tmp_path / "stable"))]
    proof = prove(tmp_path, broken.make(tmp_path / "candidate"), *options)
    assert proof.code == 65, proof.said
    assert proof.failed[0] == broken.check, proof.said
    assert proof.report["sentence"].startswith(f"{broken.check}: ")
    assert broken.sentence in proof.report["sentence"]
    assert proof.last_word["sentence"] == proof.report["sentence"]


def test_a_change_of_signature_can_be_allowed(tmp_path: Path) -> None:
    stable, other = _good(tmp_path / "stable"), _removed(tmp_path / "other")
    proof = prove(tmp_path, other, "--against", stable, "--allow-signature-change")
    assert proof.code == 0, proof.said
    assert proof.verdicts["schema"] == "Warn"
    assert "schema: callers of stable have to change, which is allowed" in proof.report["sentence"]


def test_junit_is_read_by_whatever_reads_junit(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    prove(tmp_path, _other_answer(tmp_path / "candidate"), "--junit", junit)
    (suite,) = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "9",
        "1",
        "0",
        "3",
    )
    (failure,) = suite.iterfind("testcase[@name='golden']/failure")
    assert "expected 55.0, found 54.0" in (failure.get("message") or "")
