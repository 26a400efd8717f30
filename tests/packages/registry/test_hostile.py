"""Registries and artifacts that mean harm, or are broken: what people are told, and that nothing is left behind."""

import gzip
import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.oci.artifact import read
from leadsman_package.pushing import push
from leadsman_package.sources.store import Settings
from packages.registry.artifacts import put_artifact
from packages.registry.proxy import Answer, Asked, in_front_of
from support.packages import make_package, write_model
from support.registry import RunningRegistry, names_below

NO_PATIENCE = Settings(retry_for=0)
FILE = "application/octet-stream"
TAR = "application/vnd.cncf.model.weight.v1.tar"
DIGEST = f"sha256:{'0' * 64}"


def change(method: str, part: str, **new: object) -> Callable[[Asked, Answer], Answer]:
    """Give another answer to some requests."""

    def changed(asked: Asked, answer: Answer) -> Answer:
        if asked.method == method and part in asked.path:
            for name, value in new.items():
                setattr(answer, name, value(answer) if callable(value) else value)
        return answer

    return changed


def flipped(answer: Answer) -> bytes:
    return answer.body[:-1] + bytes([answer.body[-1] ^ 1])


@pytest.mark.parametrize(
    ("changed", "said", "transient"),
    [
        pytest.param(
            change("GET", "/blobs/", body=flipped), r"has the digest sha256:\w+, but its manifest says", False,
            id="other bytes than the digest's",
        ),
        pytest.param(
            change("GET", "/blobs/", body=lambda answer: answer.body + b"more"), r"has more than the \d+ bytes", False,
            id="more bytes than it said",
        ),
        pytest.param(
            change("GET", "/blobs/", body=lambda answer: answer.body[:-1]), r"ended after \d+ of \d+ bytes", True,
            id="fewer bytes than it said",
        ),
        pytest.param(
            change("GET", "/manifests/", body=b" " * (5 << 20)), "more than 4194304 bytes, the most", False,
            id="a manifest of 5 MiB",
        ),
        pytest.param(
            change("GET", "/manifests/", body=b"[" * 100_000), "has a manifest that cannot be read", False,
            id="a manifest of brackets",
        ),
        pytest.param(
            change("GET", "/manifests/", body=b"{}"), "no image manifest; expected one manifest of type", False,
            id="an empty manifest",
        ),
        pytest.param(
            change("GET", "/manifests/", status=302, headers={"location": "/v2/loop/manifests/1"}), "30 redirects",
            False, id="redirects for ever",
        ),
        pytest.param(
            change("GET", "/manifests/", status=401, headers={"www-authenticate": 'Bearer realm="http://127.0.0.1:9/"'}),
            "Connection refused", True, id="tokens from where nobody is",
        ),
        pytest.param(
            change("GET", "/manifests/", status=401, headers={"www-authenticate": "Bearer nonsense"}),
            "access denied, 401", False, id="a challenge that is none",
        ),
        pytest.param(
            change("GET", "/manifests/", status=429, body=b'{"errors": [{"message": "slow\\u001b[31m down"}]}'),
            r"answered 429 Too Many Requests \(slow\[31m down\)", True, id="too many requests, in red",
        ),
        pytest.param(
            change("GET", "/manifests/", status=503, body=b"x" * (1 << 20)), "answered 503", True, id="unavailable"
        ),
        pytest.param(
            change("GET", "/blobs/", headers={"content-encoding": "gzip"}), "comes encoded", False, id="encoded"
        ),
    ],
)  # fmt: skip
def test_registries(
    registry: RunningRegistry,
    package: Path,
    tmp_path: Path,
    changed: Callable[[Asked, Answer], Answer],
    said: str,
    transient: bool,
) -> None:
    push(package, registry.uri("hostile:1"))
    target = tmp_path / "target"
    target.mkdir()
    with in_front_of(registry.host) as proxy:
        proxy.change = changed
        with pytest.raises(PackageError, match=said) as told:
            fetch(proxy.uri("hostile:1"), target, settings=NO_PATIENCE)
    assert told.value.transient is transient
    assert not (target / "model.onnx").exists()
    if not transient:
        assert names_below(target) == []


def test_another_manifest_than_the_digest_names(registry: RunningRegistry, package: Path, tmp_path: Path) -> None:
    pushed = push(package, registry.uri("swapped:1"))
    with in_front_of(registry.host) as proxy:
        proxy.change = change("GET", "/manifests/", body=lambda answer: answer.body + b" ")
        with pytest.raises(PackageError, match="sent a manifest with the digest"):
            fetch(f"{proxy.uri('swapped')}@{pushed.uri.partition('@')[2]}", tmp_path, settings=NO_PATIENCE)


def test_another_range_than_was_asked_for(registry: RunningRegistry, tmp_path: Path) -> None:
    push(make_package(tmp_path / "large", padding=3 << 20), registry.uri("ranges:1"))
    target = tmp_path / "target"
    target.mkdir()

    def changed(asked: Asked, answer: Answer) -> Answer:
        if asked.headers.get("range"):
            answer.headers = {name.lower(): value for name, value in answer.headers.items()}
            answer.headers["content-range"] = "bytes 0-9/10"
        elif len(answer.body) > 1 << 20:
            answer.cut_after = 1 << 20
        return answer

    with in_front_of(registry.host) as proxy:
        proxy.change = changed
        with pytest.raises(PackageError, match="another range than asked for"):
            fetch(proxy.uri("ranges:1"), target, settings=Settings(retry_for=2))


@pytest.mark.parametrize(
    "path",
    ["../model.onnx", "/etc/model.onnx", "a/../../model.onnx", "a\\..\\model.onnx", "model\n.onnx", "", "x" * 600],
)
def test_paths_that_lead_outside(registry: RunningRegistry, tmp_path: Path, path: str) -> None:
    put_artifact(registry, "outside", [(path, FILE, b"x")])
    with pytest.raises(PackageError, match="has a layer with the path"):
        fetch(registry.uri("outside:1"), tmp_path, settings=NO_PATIENCE)
    assert names_below(tmp_path) == []


def tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return an archive of files, or of links that lead to a name."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(body) if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            archive.addfile(info, io.BytesIO(body))
    return file.getvalue()


def long_header() -> bytes:
    """Return an archive whose first name says that it has a terabyte."""
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        pytest.param([], "holds no files; expected model.yaml", id="nothing"),
        pytest.param([("README.md", FILE, b"a")], "holds README.md; expected", id="one file that is no model"),
        pytest.param([("a.txt", FILE, b"a"), ("b.txt", FILE, b"b")], "holds a.txt, b.txt; expected", id="no model"),
        pytest.param([("a.onnx", FILE, b"a"), ("b.onnx", FILE, b"b")], "holds a.onnx, b.onnx;", id="two models"),
        pytest.param([("a.onnx", FILE, b"a"), ("a.onnx", FILE, b"b")], "two layers with", id="one path twice"),
        pytest.param([(None, TAR, b"a"), ("b", FILE, b"b")], "several layers, and no path for", id="no path"),
        pytest.param([("a.onnx", f"{TAR}+zstd", b"a")], "expected raw files, tar, or tar with gzip", id="zstd"),
        pytest.param([(None, TAR, tar(("../a.onnx", b"a")))], "outside", id="an archive that leads outside"),
        pytest.param(
            [("a.onnx", TAR, tar(("b.onnx", b"b"))), ("c", FILE, b"c")], "does not hold that file", id="another file"
        ),
        pytest.param(
            [("a.onnx", TAR, tar(("a.onnx", b""), kind=tarfile.SYMTYPE)), ("c", FILE, b"c")],
            "does not hold that file", id="a link",
        ),
        pytest.param([("a.onnx", TAR, b"\1" * 2048), ("c", FILE, b"c")], "cannot be read", id="no archive"),
        pytest.param([("a.onnx", TAR, long_header()), ("c", FILE, b"c")], "a header of", id="a terabyte of name"),
        pytest.param(
            [("a.onnx", f"{TAR}+gzip", gzip.compress(tar(("a.onnx", b"a" * 5000)))[:-20]), ("c", FILE, b"c")],
            "cannot be read", id="half an archive",
        ),
    ],
)  # fmt: skip
def test_artifacts(
    registry: RunningRegistry, tmp_path: Path, layers: list[tuple[str | None, str, bytes]], said: str
) -> None:
    put_artifact(registry, "strange", layers)
    began = time.monotonic()
    with pytest.raises(PackageError, match=said) as told:
        fetch(registry.uri("strange:1"), tmp_path, settings=NO_PATIENCE)
    assert not told.value.transient
    assert names_below(tmp_path) == []
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", [TAR, f"{TAR}+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among others"])
def test_archives_of_others_are_read(registry: RunningRegistry, tmp_path: Path, kind: str, alone: bool) -> None:
    """As modctl pushes them: a layer for each file, its path in an annotation."""
    write_model(tmp_path / "fraud.onnx")
    body = tar(("fraud.onnx", (tmp_path / "fraud.onnx").read_bytes()))
    layers = [("fraud.onnx", kind, gzip.compress(body) if kind.endswith("gzip") else body)]
    put_artifact(registry, "archives", layers if alone else [*layers, ("README.md", FILE, b"Read me")])
    target = tmp_path / "target"
    target.mkdir()
    fetch(registry.uri("archives:1"), target, settings=NO_PATIENCE)
    assert (target / "model.onnx").read_bytes() == (tmp_path / "fraud.onnx").read_bytes()


@pytest.mark.parametrize(
    "uri",
    [
        "oci://", "oci://host", "oci://host/", "oci://host/Upper:1", "oci://host/name:", "oci://host/name@sha256:12",
        "oci://host/../name", "oci://host:port/name", "oci://user:secret@host/name", "oci://ho st/name", "oci://host/a//b",
    ],
)  # fmt: skip
def test_uris_that_name_no_artifact(tmp_path: Path, uri: str) -> None:
    with pytest.raises(PackageError, match=r"names no artifact; expected oci://HOST\[:PORT\]/NAME") as told:
        fetch(uri, tmp_path, settings=NO_PATIENCE)
    assert "secret" not in str(told.value)


def test_an_index_is_none() -> None:
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    with pytest.raises(PackageError, match="an index of several has to be named by the digest"):
        read(json.dumps(index).encode(), "it")


def test_what_the_registry_says_of_a_push_is_told(registry: RunningRegistry, package: Path) -> None:
    with in_front_of(registry.host) as proxy:
        proxy.change = change("PUT", "/blobs/", status=400, body=b'{"errors": [{"message": "digest did not match"}]}')
        with pytest.raises(PackageError, match=r"answered 400 Bad Request \(digest did not match\)"):
            push(package, proxy.uri("refused:1"), settings=NO_PATIENCE)
