"""A model is proved as it will be served: in the time that a request has, and with its schema as strict."""

from pathlib import Path

from leadsman_package.manifest import Range, Signature
from serving.preflight.packages import ask, package, scores, signature_of
from serving.preflight.proving import Proof, prove
from serving.preflight.test_time import endless


def of_adults(directory: Path) -> Path:
    """A package whose schema knows ages from 18 on, and whose golden requests know one of 7."""
    model = scores()
    age, income = signature_of(model).inputs
    adult = age.model_copy(update={"range": Range(min=18)})
    signature = Signature(inputs=(adult, income), outputs=signature_of(model).outputs)
    requests = {"adult": ask(age=[40.0], income=[1.0]), "child": ask(age=[7.0], income=[0.0])}
    return package(directory, model, requests, signature=signature)


def message(proof: Proof, name: str) -> str:
    """What a check says."""
    return str(next(check["message"] for check in proof.report["checks"] if check["name"] == name))


def test_a_request_has_the_time_that_it_will_have(tmp_path: Path) -> None:
    proof = prove(tmp_path, endless(tmp_path / "long"), "--timeout", "0.5")
    assert "the model had no answer within the 0.5 s that it had" in message(proof, "golden")


def test_a_golden_request_that_would_be_refused_is_said(tmp_path: Path) -> None:
    """Whoever serves it with `--schema reject` had better know before."""
    model = of_adults(tmp_path / "adults")
    assert prove(tmp_path, model).code == 0
    proof = prove(tmp_path, model, "--schema", "reject")
    assert (proof.code, proof.failed) == (65, ["golden"])
    assert "'age': element [0] is 7.0, but the model's schema expects at least 18" in message(proof, "golden")


def test_the_stable_model_refuses_nothing_for_the_candidate_s_sake(tmp_path: Path) -> None:
    requests = {"child": ask(age=[7.0], income=[0.0])}
    candidate = package(tmp_path / "all", scores(), requests)
    proof = prove(tmp_path, candidate, "--schema", "reject", "--against", of_adults(tmp_path / "adults"))
    assert proof.code == 0, proof.said
    assert proof.verdicts["agreement"] == "Pass"
