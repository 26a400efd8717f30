"""A stable model that is gone, or the very same, or says little of itself: what there is to compare then."""

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from serving.preflight.packages import bare, digest_of, package, scores
from serving.preflight.proving import prove

_value = helper.make_tensor_value_info


def _moved(stable: Path) -> str:
    """Other bytes are where stable's were."""
    digest = digest_of(package(stable, scores()))
    package(stable, scores(3.0))
    return digest


@pytest.mark.parametrize(
    ("take_away", "reason"),
    [
        pytest.param(_moved, "was expected", id="other bytes"),
        pytest.param(lambda _: "sha256:" + "0" * 64, "no such file or directory", id="none"),
    ],
)
def test_a_stable_model_that_cannot_be_had_any_more_keeps_nobody_from_taking_its_place(
    take_away: Callable[[Path], str], reason: str, tmp_path: Path
) -> None:
    stable = tmp_path / "stable"
    gone = ("--against", stable, "--against-digest", take_away(stable))
    proof = prove(tmp_path, package(tmp_path / "candidate", scores(output="z")), *gone, "--max-latency", "500")
    assert (proof.code, proof.last_word["stableDigest"]) == (0, None), proof.said
    for name in ("schema", "agreement", "latency"):
        check = proof.check(name)
        assert check["verdict"] == "Warn"
        assert check["message"].startswith("not compared: the stable model cannot be had: ")
        assert reason in check["message"]
    assert "p50" in proof.check("latency")["found"]
    said = "ready to serve; schema, agreement, latency: not compared: the stable model cannot be had: "
    assert proof.report["sentence"].startswith(said)


@pytest.mark.parametrize("digest", [True, False])
def test_a_model_is_as_good_as_itself_whatever_is_demanded(digest: bool, tmp_path: Path) -> None:
    """Also a bare one, of which there is nothing to ask; with stable's digest it is not even fetched again."""
    model = bare(tmp_path / "model", scores())
    known = prove(tmp_path, model).report["digest"]
    where = ("--against", "/nowhere", "--against-digest", known) if digest else ("--against", model)
    proof = prove(tmp_path, model, *where, "--agreement-at-least", "1", "--latency-ratio", "0.001")
    assert proof.code == 0, proof.said
    assert proof.last_word["stableDigest"] == known
    assert {proof.verdicts[name] for name in ("schema", "agreement", "latency")} == {"Pass"}
    assert proof.said.count("fetching the stable model") == (0 if digest else 1)


def test_a_shape_that_stable_did_not_declare_breaks_nobody(tmp_path: Path) -> None:
    undeclared, declared = scores(2.0), scores()
    undeclared.graph.output[0].CopyFrom(_value("y", TensorProto.FLOAT, None))
    proof = prove(tmp_path, bare(tmp_path / "new", declared), "--against", bare(tmp_path / "old", undeclared))
    assert proof.code == 0, proof.said
