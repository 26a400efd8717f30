"""The manifest as a file: the same bytes for the same content, and one sentence for whatever is wrong with it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leadsman_package import layout
from leadsman_package.canonical import package_digest, parse_manifest, read_manifest, to_yaml
from leadsman_package.errors import PackageError
from leadsman_package.manifest import Manifest

MINIMAL: dict[str, Any] = {
    "apiVersion": "leadsman.dev/package/v1",
    "name": "fraud",
    "version": "1.2",
    "signature": {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    },
    "files": [{"path": "model.onnx", "digest": f"sha256:{'0' * 64}", "size": 3}],
}


def changed(*path: str | int, value: Any) -> bytes:
    """The minimal manifest with one value replaced, or set."""
    document: Any = yaml.safe_load(yaml.safe_dump(MINIMAL))
    at = document
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return yaml.safe_dump(document).encode()


def file(path: str) -> dict[str, Any]:
    return {"path": path, "digest": f"sha256:{'0' * 64}", "size": 3}


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "model.yaml is empty; expected the manifest of a package, a mapping"),
    "a list": (b"[1]", "model.yaml is [1]; expected the manifest"),
    "no YAML": (b"a: [", "model.yaml: line 2, column 1:"),
    "a tag": (b"a: !!python/object/apply:os.system [echo]", "the tag"),
    "aliases that swell": (
        b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n".encode() for n in range(1, 9)),
        "values",
    ),
    "a file too large": (b"#" * (4 << 20) + b"\n", "more than 4194304 bytes"),
    "a number beyond all bounds": (b"version: " + b"9" * 5000, "model.yaml: "),
    "a key that is a list": (b"? [1, 2]\n: 3", "model.yaml: "),
    "no name": (yaml.safe_dump({**MINIMAL, "name": None}).encode(), "name is empty; expected"),
    "a field unknown": (changed("licens", value="MIT"), "licens is no field of a manifest; did you mean 'licence'?"),
    "a field deep inside": (
        changed("signature", "inputs", 0, "datatype", value="FLOAT"),
        "signature.inputs[0].datatype is \"FLOAT\"; expected 'BOOL', 'UINT8'",
    ),
    "a version that YAML takes for a number": (
        changed("version", value=1.0),
        "version is 1.0; expected a valid string",
    ),
    "a shape of words": (
        changed("signature", "inputs", 0, "shape", value=[[1]]),
        "signature.inputs[0].shape[0] is [1]",
    ),
    "a metric that is no number": (
        changed("evaluation", value={"metrics": {"auc": float("nan")}}),
        "evaluation.metrics.auc is NaN; expected a finite number",
    ),
    "no file of the model": (changed("files", value=[file("a")]), "files lacks model.onnx"),
    "a file twice": (changed("files", value=[file("model.onnx"), file("a"), file("A")]), "files has A twice"),
    "the manifest among the files": (changed("files", value=[file("model.onnx"), file("model.yaml")]), "itself"),
    "a file in a file": (changed("files", value=[file("model.onnx"), file("a/b"), file("a")]), "also a directory"),
    "a baseline that is no file": (changed("baseline", value="baseline.json"), "files lacks baseline.json"),
    "a golden answer that is no file": (
        changed("golden", value={"requests": [{"name": "a", "request": "model.onnx", "response": "golden/a.json"}]}),
        "files lacks golden/a.json",
    ),
    "two inputs of the same name": (
        changed("signature", "inputs", value=MINIMAL["signature"]["inputs"] * 2),
        "signature.inputs: two have the same name",
    ),
    **{
        f"the path {path!r}": (changed("files", value=[file("model.onnx"), file(path)]), "files[1].path is")
        for path in ("../a", "/etc/passwd", "a/../../b", "a//b", ".hidden", "a/.git", "c:\\a", "a\n", "", "a/")
    },
    "a size below nothing": (changed("files", 0, "size", value=-1), "files[0].size is -1; expected"),
    "a size in quotes": (changed("files", 0, "size", value="3"), 'files[0].size is "3"; expected a valid integer'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_manifest_is_refused_with_the_place(case: str) -> None:
    text, sentence = REFUSED[case]
    with pytest.raises(PackageError) as caught:
        parse_manifest(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_content_gives_the_same_bytes_however_it_was_written() -> None:
    text = yaml.safe_dump(MINIMAL).encode()
    flowing = yaml.safe_dump(dict(reversed(MINIMAL.items())), default_flow_style=True, sort_keys=False).encode()
    assert text != flowing
    assert to_yaml(parse_manifest(text)) == to_yaml(parse_manifest(flowing))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)
PLACES: list[tuple[str | int, ...]] = [
    *((field,) for field in ("name", "version", "task", "signature", "files", "golden", "training", "evaluation")),
    *(("signature", "inputs"), ("signature", "inputs", 0, "shape"), ("files", 0, "path"), ("files", 0, "digest")),
]


@given(st.sampled_from(PLACES), documents)
def test_any_value_anywhere_is_taken_or_refused_and_what_is_taken_comes_back(place: Any, value: Any) -> None:
    text = changed(*place, value=value)
    with suppress(PackageError):
        manifest = parse_manifest(text)
        assert parse_manifest(to_yaml(manifest)) == manifest


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_bytes_are_taken_or_refused(text: bytes) -> None:
    with pytest.raises(PackageError):
        parse_manifest(text)


@given(st.text(min_size=1, max_size=300), st.floats(allow_nan=False, allow_infinity=False))
def test_texts_and_numbers_come_back_as_they_were(text: str, number: float) -> None:
    manifest = parse_manifest(
        yaml.safe_dump({**MINIMAL, "description": text, "evaluation": {"metrics": {"auc": number}}}).encode()
    )
    again = parse_manifest(to_yaml(manifest))
    assert again.description == manifest.description == text
    assert again.evaluation == manifest.evaluation


# --- a package as a directory ---


def package(directory: Path, **files: bytes) -> Manifest:
    """A package of these files, whose names have _ for a dot."""
    for name, content in {"model_onnx": b"abc", **files}.items():
        (directory / name.replace("_", ".")).write_bytes(content)
    listed = [
        {"path": path.name, "digest": layout.file_digest(path), "size": path.stat().st_size}
        for path in sorted(directory.iterdir())
    ]
    manifest = parse_manifest(yaml.safe_dump({**MINIMAL, "files": listed}).encode())
    (directory / "model.yaml").write_bytes(to_yaml(manifest))
    return manifest


def test_a_package_whose_files_are_as_it_says_is_verified(tmp_path: Path) -> None:
    manifest = package(tmp_path, weights_bin=b"def")
    (tmp_path / "notes.txt").write_text("no part of the package")
    assert layout.kind(tmp_path) == "package"
    assert layout.verify(tmp_path) == read_manifest(tmp_path) == manifest
    assert layout.digest(tmp_path) == package_digest((tmp_path / "model.yaml").read_bytes())


def test_every_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    package(tmp_path, a_bin=b"abc", b_bin=b"abc", c_bin=b"abc", d_bin=b"abc")
    (tmp_path / "a.bin").write_bytes(b"abd")
    (tmp_path / "b.bin").write_bytes(b"ab")
    (tmp_path / "c.bin").unlink()
    (tmp_path / "d.bin").unlink()
    (tmp_path / "d.bin").symlink_to("/etc/hostname")
    with pytest.raises(PackageError) as caught:
        layout.verify(tmp_path)
    sentence = str(caught.value)
    assert "a.bin has the digest sha256:" in sentence
    assert "b.bin has 2 bytes; expected 3" in sentence
    assert "c.bin is missing" in sentence
    assert "d.bin leads outside the package" in sentence
    assert "model.onnx" not in sentence


def test_a_directory_with_only_a_model_is_a_bare_one(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    assert layout.kind(tmp_path) == "model"


def test_an_empty_directory_is_neither(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="holds no model; expected"):
        layout.kind(tmp_path)
