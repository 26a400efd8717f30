"""Packages to a real registry and back."""

import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from leadsman_package.downloading import Effort
from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.layout import digest, file_digest
from leadsman_package.local import verified
from leadsman_package.oci.push import push as push_artifact
from leadsman_package.progress import Silent
from leadsman_package.pushing import push
from leadsman_package.resolving import resolve
from leadsman_package.sources.store import Settings
from packages.registry.artifacts import put_artifact
from packages.registry.proxy import Answer, Asked, in_front_of
from support.packages import make_package
from support.registry import RunningRegistry, names_below, pull_by_oras


def same_files(one: Path, other: Path) -> bool:
    return contents(one) == contents(other)


def contents(directory: Path) -> dict[str, str]:
    return {name: file_digest(directory / name) for name in names_below(directory)}


def effort(retry_for: float = 5) -> Effort:
    return Effort(Settings(retry_for=retry_for), Silent(), threading.Event())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


def test_comes_back_as_it_was(registry: RunningRegistry, package: Path, target: Path) -> None:
    pushed = push(package, registry.uri("back:1"))
    assert pushed.digest == digest(package)
    fetched = fetch(pushed.uri, target, digest=pushed.digest)
    assert (fetched.digest, fetched.kind) == (pushed.digest, "package")
    assert same_files(package, target)


def test_other_tools_read_it(registry: RunningRegistry, package: Path, target: Path) -> None:
    pushed = push(package, registry.uri("others/fraud:1"))
    found = pull_by_oras(f"{registry.host}/others/fraud:1", target)
    assert pushed.uri.endswith(f":1@{found}")
    assert same_files(package, target)


def test_is_an_artifact_of_the_modelpack_specification(registry: RunningRegistry, tmp_path: Path) -> None:
    training = {"sourceCommit": "abc123", "trainedAt": "2026-11-20T10:00:00Z", "dataset": {"uri": "s3://data/rows.csv"}}
    package = make_package(tmp_path / "told", training=training, description="Weighs three numbers")
    push(package, registry.uri("modelpack:1"))
    accept = {"accept": "application/vnd.oci.image.manifest.v1+json"}
    manifest = httpx.get(f"{registry.url}/v2/modelpack/manifests/1", headers=accept).json()
    config = httpx.get(f"{registry.url}/v2/modelpack/blobs/{manifest['config']['digest']}").json()
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    assert [(kind_of(layer), path_of(layer)) for layer in manifest["layers"]] == [
        ("weight.config.v1.raw", "model.yaml"),
        ("weight.v1.raw", "model.onnx"),
        ("dataset.v1.raw", "golden/two.json"),
        ("dataset.v1.raw", "samples/two.json"),
    ]
    assert manifest["layers"][0]["digest"] == digest(package)
    assert config == {
        "descriptor": {
            "createdAt": "2026-11-20T10:00:00+00:00",
            "authors": ["Team Fraud"],
            "name": "fraud",
            "version": "1",
            "description": "Weighs three numbers",
            "revision": "abc123",
            "licenses": ["Apache-2.0"],
            "datasetsURL": ["s3://data/rows.csv"],
        },
        "config": {"format": "onnx"},
        "modelfs": {"type": "layers", "diffIds": [layer["digest"] for layer in manifest["layers"]]},
    }


def kind_of(layer: dict[str, str]) -> str:
    return layer["mediaType"].removeprefix("application/vnd.cncf.model.")


def path_of(layer: dict[str, dict[str, str]]) -> str:
    annotations = layer["annotations"]
    assert annotations["org.cncf.model.filepath"] == annotations["org.opencontainers.image.title"]
    return annotations["org.cncf.model.filepath"]


def test_is_the_same_artifact_whoever_pushes_it_wherever(registry: RunningRegistry, tmp_path: Path) -> None:
    one, two = make_package(tmp_path / "one"), make_package(tmp_path / "two")
    pushed = [push(one, registry.uri("first:1")).uri, push(two, registry.uri("second:1")).uri]
    assert pushed[0].partition("@")[2] == pushed[1].partition("@")[2]


def test_sends_nothing_twice(registry: RunningRegistry, package: Path, tmp_path: Path) -> None:
    with in_front_of(registry.host) as proxy:
        first = push(package, proxy.uri("twice:1"))
        assert proxy.count("PUT", "/blobs/") == 5  # four files and the configuration
        proxy.asked.clear()
        assert push(package, proxy.uri("twice:1")) == first
        assert proxy.count("PUT") == proxy.count("POST") == 0
        proxy.asked.clear()
        other = make_package(tmp_path / "other", version="2")
        push(other, proxy.uri("twice:2"))
        assert proxy.count("PUT", "/blobs/") == 2  # model.yaml and the configuration


def test_a_tag_is_not_given_to_another_package_unasked(
    registry: RunningRegistry, package: Path, tmp_path: Path
) -> None:
    uri = registry.uri("taken:stable")
    first = push(package, uri)
    other = make_package(tmp_path / "other", weights=(1, 1, 1))
    with pytest.raises(PackageError, match=f"is the package {first.digest} already; push to another tag, or .*--force"):
        push(other, uri)
    assert resolve(uri).digest == first.digest
    second = push(other, uri, force=True)
    assert resolve(uri).digest == second.digest
    assert resolve(first.uri).digest == first.digest


def test_a_signature_goes_with_it(registry: RunningRegistry, package: Path, target: Path) -> None:
    uri = registry.uri("signed:1")
    unsigned = push(package, uri)
    (package / "model.sig").write_text("{}")
    signed = push(package, uri)
    assert signed.digest == unsigned.digest
    assert signed.uri != unsigned.uri
    pull_by_oras(f"{registry.host}/signed:1", target)
    assert (target / "model.sig").read_text() == "{}"


def test_what_is_not_as_its_manifest_says_is_not_pushed(registry: RunningRegistry, package: Path) -> None:
    (package / "golden/two.json").write_text("{}")
    with pytest.raises(PackageError, match=r"golden/two.json has 2 bytes; expected \d+"):
        push(package, registry.uri("broken:1"))
    assert httpx.get(f"{registry.url}/v2/broken/tags/list").status_code == 404


def test_a_place_without_a_tag_is_none_to_push_to(registry: RunningRegistry, package: Path) -> None:
    with pytest.raises(PackageError, match="is no place to push to; expected oci://HOST/NAME:TAG"):
        push(package, registry.uri("untagged"))


def test_an_upload_that_was_cut_goes_on_where_it_was(registry: RunningRegistry, tmp_path: Path) -> None:
    package = make_package(tmp_path / "large", padding=3 << 20)
    cuts = iter([200_000, 300_000])

    def refuse(asked: Asked) -> int | None:
        return next(cuts, None) if asked.method == "PATCH" and asked.size == 1 << 20 else None

    with in_front_of(registry.host) as proxy:
        proxy.refuse = refuse
        push_artifact(verified(package), proxy.uri("cut:1"), effort(), part_bytes=1 << 20)
        sent = sum(asked.size for asked in proxy.asked if asked.method == "PATCH")
    model = file_digest(package / "model.onnx")
    assert httpx.head(f"{registry.url}/v2/cut/blobs/{model}").status_code == 200
    assert next(cuts, None) is None
    assert sent < (package / "model.onnx").stat().st_size + 2 * (1 << 20)


def test_a_download_that_was_cut_goes_on_where_it_was(registry: RunningRegistry, tmp_path: Path, target: Path) -> None:
    package = make_package(tmp_path / "large", padding=3 << 20)
    push(package, registry.uri("halves:1"))
    with in_front_of(registry.host) as proxy:

        def change(asked: Asked, answer: Answer) -> Answer:
            if asked.method == "GET" and len(answer.body) > 1 << 20:
                answer.cut_after = 1 << 20
            return answer

        proxy.change = change
        fetched = fetch(proxy.uri("halves:1"), target, settings=Settings(retry_for=5))
        ranges = [asked.headers["range"] for asked in proxy.asked if asked.headers.get("range")]
    assert fetched.digest == digest(package)
    assert ranges[:2] == ["bytes=1048576-", "bytes=2097152-"]


def test_the_next_process_goes_on_where_a_download_was_cut(
    registry: RunningRegistry, tmp_path: Path, target: Path
) -> None:
    package = make_package(tmp_path / "large", padding=3 << 20)
    push(package, registry.uri("later:1"))

    def change(asked: Asked, answer: Answer) -> Answer:
        if asked.method == "GET" and len(answer.body) > 1 << 20:
            answer.cut_after = 1 << 20
        return answer

    with in_front_of(registry.host) as proxy:
        proxy.change = change
        with pytest.raises(PackageError, match="IncompleteRead") as told:
            fetch(proxy.uri("later:1"), target, settings=Settings(retry_for=0, parallel=1))
        assert told.value.transient
        proxy.change = lambda asked, answer: answer
        proxy.asked.clear()
        assert fetch(proxy.uri("later:1"), target, settings=Settings(retry_for=0)).digest == digest(package)
        assert [asked.headers["range"] for asked in proxy.asked if asked.headers.get("range")] == ["bytes=1048576-"]


PEAK = """
import re, sys
from pathlib import Path
from leadsman_package.fetching import fetch
from leadsman_package.pushing import push

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
{"push": push, "fetch": lambda where, uri: fetch(uri, where)}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
print(peak() - before)
"""  # not getrusage: it knows the peak of the process before, too


def test_memory_does_not_grow_with_the_model(registry: RunningRegistry, tmp_path: Path, target: Path) -> None:
    package = make_package(tmp_path / "large", padding=160 << 20)
    for what, where in (("push", package), ("fetch", target)):
        command = [sys.executable, "-c", PEAK, what, str(where), registry.uri("large:1")]
        grown = int(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout)
        assert grown < 30 << 10, f"{what}: {grown} KiB"
    assert same_files(package, target)


def test_a_bare_model_that_oras_pushed_is_fetched(registry: RunningRegistry, package: Path, target: Path) -> None:
    """As `oras push HOST/bare:1 fraud.onnx` does it: a title, and no media type of ours."""
    put_artifact(registry, "bare", [("fraud.onnx", "application/octet-stream", (package / "model.onnx").read_bytes())])
    fetched = fetch(registry.uri("bare:1"), target)
    assert fetched.kind == "model"
    assert (target / "model.onnx").read_bytes() == (package / "model.onnx").read_bytes()
    assert resolve(registry.uri("bare:1")).identity.startswith("sha256:")
