"""What a URI stands for: the digest that a fetch finds, an identity that changes with it, and nothing read in vain."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from packages.sources import models
from packages.sources.fetching import Answer, digest_of, fetch, resolve
from packages.sources.web import Web, content, status
from serving.process import run

PLACES: dict[str, Callable[[Path], str]] = {
    "a package": lambda root: str(root / "package"),
    "a bare model": lambda root: str(root / "bare" / "fraud.onnx"),
    "an archive": lambda root: str(root / "package.tar.gz"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a package, a bare model with its data, and an archive."""
    files = models.package(tmp_path / "package")
    for name, body in models.BARE.items():
        (tmp_path / "bare" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bare" / name).write_bytes(body)
    (tmp_path / "package.tar.gz").write_bytes(models.tar(files))
    return tmp_path


def told(answer: Answer) -> dict[str, str]:
    assert answer.code == 0, answer.stderr
    word = json.loads(answer.last_word)
    assert set(word) == {"v", "identity", "digest"}
    return {name: word[name] for name in ("identity", "digest")}


@pytest.mark.parametrize("kind", PLACES)
def test_it_is_what_a_fetch_finds_and_the_same_again(kind: str, root: Path, tmp_path: Path) -> None:
    uri = PLACES[kind](root)
    first = told(resolve(tmp_path, uri))
    assert json.loads(fetch(tmp_path, uri).last_word)["digest"] == first["digest"]
    assert told(resolve(tmp_path, uri, "--known", f"{first['identity']}={first['digest']}")) == first


CHANGES: dict[str, tuple[str, str, bytes]] = {
    "the model": ("a bare model", "bare/fraud.onnx", b"another model"),
    "only its data": ("a bare model", "bare/more/w.bin", b"other data"),
    "the archive": ("an archive", "package.tar.gz", models.tar({"model.onnx": b"another"})),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of(what: str, root: Path, tmp_path: Path) -> None:
    kind, name, body = CHANGES[what]
    uri = PLACES[kind](root)
    first = told(resolve(tmp_path, uri))
    (root / name).write_bytes(body)
    second = told(resolve(tmp_path, uri, "--known", f"{first['identity']}={first['digest']}"))
    assert second["identity"] != first["identity"]
    assert second["digest"] != first["digest"]


def test_what_has_not_changed_is_not_read_again(root: Path, tmp_path: Path) -> None:
    uri = PLACES["an archive"](root)
    identity = told(resolve(tmp_path, uri))["identity"]
    wrong = digest_of(b"which only who believes it repeats")
    assert told(resolve(tmp_path, uri, "--known", f"{identity}={wrong}"))["digest"] == wrong


def test_of_a_package_only_the_manifest_is_read(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    files = models.package(tmp_path / "package")
    url = web.serve("/fraud", files)
    digest = digest_of(files["model.yaml"])
    assert told(resolve(tmp_path, url, **trust)) == {"identity": digest, "digest": digest}
    assert dict(web.requests) == {"/fraud/model.yaml": 1}


def test_a_server_that_tells_nothing_is_read_every_time(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    url = web.script("/m.onnx", content(b"a model"))
    digest = digest_of(b"a model")
    known = f"{digest}={digest}"
    assert told(resolve(tmp_path, url, "--known", known, **trust)) == {"identity": digest, "digest": digest}
    assert web.requests == {"/m.onnx": 1}


def test_failures_are_told_as_of_a_fetch(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    for code, exit_code in ((404, 65), (503, 75)):
        answer = resolve(tmp_path, web.script("/m.onnx", status(code)), **trust)
        assert (answer.code, answer.last_word) == (exit_code, answer.stderr.splitlines()[-1])
        assert answer.last_word.startswith("cannot resolve the model: https://127.0.0.1:")


def test_without_a_temporary_directory(root: Path, tmp_path: Path) -> None:
    """As where all that a container may write to was forgotten."""
    finished = run("resolve", PLACES["a bare model"](root), TMPDIR="/proc", PYTHONPATH=str(no_temporary(tmp_path)))
    assert finished.returncode == 65
    assert "there is no temporary directory to fetch to" in finished.stderr


def no_temporary(tmp_path: Path) -> Path:
    """Root may write everywhere, so that Python is told of no directory to try but TMPDIR's."""
    (tmp_path / "sitecustomize.py").write_text(
        "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/proc']\n"
    )
    return tmp_path


@pytest.mark.parametrize("known", ["x", "=sha256:1", "etag=sha256:zz"])
def test_a_known_that_is_none(known: str, tmp_path: Path) -> None:
    assert run("resolve", "x.onnx", "--known", known).returncode == 2
