"""What a reference named stays to be fetched, where its store keeps it."""

import pytest

from leadsman.api.status import Following, ModelDeploymentStatus
from leadsman.core.immutable import immutable_uri, is_immutable
from leadsman.core.revision import new_revision, revision_hash
from support.machine import START
from support.objects import model_deployment

MANIFEST, COMMIT, DIGEST = f"sha256:{'0a' * 32}", "0a" * 20, f"sha256:{'ab' * 32}"
TAG = "oci://registry.example.com/models/fraud:stable"

URIS = {
    "a tag": (TAG, MANIFEST, f"{TAG}@{MANIFEST}"),
    "a manifest": (f"{TAG}@{MANIFEST}", MANIFEST, f"{TAG}@{MANIFEST}"),
    "a tag whose registry says something else": (TAG, "etag", TAG),
    "a branch": ("hf://acme/fraud@main", COMMIT, f"hf://acme/fraud@{COMMIT}"),
    "no branch": ("hf://acme/fraud", COMMIT, f"hf://acme/fraud@{COMMIT}"),
    "a file of a branch": ("hf://acme/fraud@main/on/x.onnx", COMMIT, f"hf://acme/fraud@{COMMIT}/on/x.onnx"),
    "an alias": ("mlflow://fraud@champion", "fraud/12 1763000000000", "mlflow://fraud/12"),
    "an alias of a server that tells no time": ("mlflow://fraud@champion", "fraud/12", "mlflow://fraud/12"),
    "a version": ("mlflow://fraud/3", "fraud/3 1", "mlflow://fraud/3"),
    "an object": ("s3://models/fraud.onnx", "etag", "s3://models/fraud.onnx"),
    "a file whose server says what a registry would": ("https://h/fraud.onnx", MANIFEST, "https://h/fraud.onnx"),
}


@pytest.mark.parametrize(("uri", "identity", "expected"), URIS.values(), ids=URIS)
def test_the_uri_of(uri: str, identity: str, expected: str) -> None:
    assert immutable_uri(uri, identity) == expected


MOVES = {"a tag whose registry says something else", "an object", "a file whose server says what a registry would"}


@pytest.mark.parametrize("case", URIS)
def test_what_such_a_uri_names_never_changes(case: str) -> None:
    uri, _, expected = URIS[case]
    assert is_immutable(expected) == (case not in MOVES)
    assert is_immutable(uri) == (case in {"a manifest", "a version"})


def test_a_revision_of_a_tag_is_fetched_by_its_manifest_whatever_the_tag_names_later() -> None:
    following = Following(uri=TAG, identity=MANIFEST, digest=DIGEST, checked_at=START)
    followed = model_deployment(model={"uri": TAG, "digest": DIGEST}, status=ModelDeploymentStatus(following=following))
    written = model_deployment(model={"uri": TAG, "digest": DIGEST})
    record = new_revision(followed, "a", "serving:1")
    assert record.model.uri == f"{TAG}@{MANIFEST}"
    assert record.pod_template["spec"]["initContainers"][0]["args"][1] == f"{TAG}@{MANIFEST}"
    assert revision_hash(followed.spec) == revision_hash(written.spec), "and is the same revision as if it were written"
    assert new_revision(written, "a", "serving:1").model.uri == TAG
