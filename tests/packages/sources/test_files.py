from pathlib import Path

import pytest

from packages.sources.fetching import assert_failed, assert_fetched, digest_of, fetch

BODY = b"a model"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two claims: "models" with a file and several ways out, "other" with something to reach."""
    claim, other = tmp_path / "pvc" / "models", tmp_path / "pvc" / "other"
    (claim / "fraud").mkdir(parents=True)
    (claim / "fraud" / "model.onnx").write_bytes(BODY)
    (claim / "current").symlink_to("fraud")
    (claim / "notes.txt").write_text("no model")
    (claim / "empty").mkdir()
    other.mkdir()
    (other / "model.onnx").write_bytes(b"somebody else's")
    (claim / "out").symlink_to(other)
    (claim / "out.onnx").symlink_to(other / "model.onnx")
    (claim / "loop.onnx").symlink_to("loop.onnx")
    return tmp_path / "pvc"


@pytest.mark.parametrize(
    "path", ["fraud/model.onnx", "current/model.onnx", "fraud/../fraud/model.onnx", "fraud", "current/"]
)
def test_succeeds(path: str, tmp_path: Path, root: Path) -> None:
    outcome = fetch(tmp_path, f"pvc://models/{path}", "--digest", digest_of(BODY), LEADSMAN_PVC_ROOT=str(root))
    assert_fetched(outcome, BODY)


FAILS = {
    "pvc://models/none.onnx": "pvc://models/none.onnx: no such file or directory",
    "pvc://models/notes.txt": "pvc://models/notes.txt names no model; expected a package's directory, or a file whose",
    "pvc://models/empty": "pvc://models/empty holds neither model.yaml, of a package, nor model.onnx",
    "pvc://models": "'pvc://models' names no file or directory; expected pvc://CLAIM/PATH",
    "pvc://models/loop.onnx": "pvc://models/loop.onnx",
    "pvc://models/../other/model.onnx": "leads out of the claim",
    "pvc://models//etc/passwd": "leads out of the claim",
    "pvc://models/out/model.onnx": "leads out of the claim",
    "pvc://models/out.onnx": "leads out of the claim",
    "pvc://absent/model.onnx": "no claim 'absent' is mounted",
    "pvc://../model/model.onnx": "no claim '..' is mounted",
    "pvc://./models/model.onnx": "no claim '.' is mounted",
}


@pytest.mark.parametrize("uri", FAILS)
def test_fails(uri: str, tmp_path: Path, root: Path) -> None:
    assert_failed(fetch(tmp_path, uri, LEADSMAN_PVC_ROOT=str(root)), 65, FAILS[uri])


def test_other_bytes_than_expected(tmp_path: Path, root: Path) -> None:
    outcome = fetch(
        tmp_path, "pvc://models/fraud/model.onnx", "--digest", digest_of(b"other"), LEADSMAN_PVC_ROOT=str(root)
    )
    assert_failed(outcome, 65, digest_of(BODY), digest_of(b"other"))
