"""Downloads that are cut: what has arrived is kept as long as the file is the same."""

import json
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from packages.sources import models
from packages.sources.fetching import assert_failed, assert_fetched, digest_of, fetch, files_in
from packages.sources.web import Responder, Web, content, cut, part, web_server
from serving.process import COMMAND, clean_environment

BODY = bytes(range(256)) * 10_000
NEW = BODY[::-1]
HALF = len(BODY) // 2
ETAG, OTHER = ("etag", '"1"'), ("etag", '"2"')
DATE = ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
REST = f"bytes={HALF}-"
CUT = part(BODY, ETAG, most=HALF)

CASES: dict[str, tuple[list[Responder], list[str | None], bytes]] = {
    "it goes on where it was cut": ([CUT, part(BODY, ETAG)], [None, REST], BODY),
    "it goes on by its time, too": ([part(BODY, DATE, most=HALF), part(BODY, DATE)], [None, REST], BODY),
    "a changed file is taken from its start": ([CUT, part(NEW, OTHER)], [None, REST], NEW),
    "a server that knows no ranges sends all of it": ([CUT, content(BODY)], [None, REST], BODY),
    "a server that knows no ranges sends all of a changed one": ([CUT, content(NEW)], [None, REST], NEW),
    "the rest of a changed file is not taken": (
        [CUT, part(NEW, OTHER, heeds_if_range=False), part(NEW, OTHER)],
        [None, REST, None],
        NEW,
    ),
    "another part than was asked for is not taken": (
        [CUT, part(BODY, ETAG, shift=7), part(BODY, ETAG)],
        [None, REST, None],
        BODY,
    ),
    "a file that has become shorter": (
        [CUT, part(NEW[:100], OTHER, heeds_if_range=False), part(NEW[:100], OTHER)],
        [None, REST, None],
        NEW[:100],
    ),
    "without anything to tell it by it starts anew": ([cut(BODY), content(BODY)], [None, None], BODY),
    "what only seems the same starts anew": (
        [part(BODY, ("etag", 'W/"1"'), most=HALF), content(BODY)],
        [None, None],
        BODY,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_after_a_cut(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    responders, ranges, body = CASES[case]
    url = web.script("/x/model.onnx", *responders)
    assert_fetched(fetch(tmp_path, url, **trust), body)
    assert web.ranges["/x/model.onnx"] == ranges


def test_patience_is_for_each_cut_and_not_for_all_of_them(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    url = web.script("/model.onnx", *[part(BODY, ETAG, most=len(BODY) // 4 + 1)] * 4)
    outcome = fetch(tmp_path, url, **trust)
    assert_fetched(outcome, BODY)
    assert outcome.stderr.count("trying again") == 3, "although one pause uses up --retry-for"


def test_the_next_process_goes_on(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    arrived, killed = threading.Event(), threading.Event()

    def stall(request: BaseHTTPRequestHandler) -> None:
        CUT(request)
        request.wfile.flush()
        arrived.set()
        killed.wait(30)

    url = web.script("/model.onnx", stall, part(BODY, ETAG))
    (tmp_path / "model").mkdir()
    with subprocess.Popen(
        [str(COMMAND), "fetch", url, str(tmp_path / "model")],
        env=clean_environment() | trust,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert arrived.wait(30)
        parts = tmp_path / "model"
        while not any(path.stat().st_size == HALF for path in parts.rglob("model.onnx")):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    killed.set()
    assert_fetched(fetch(tmp_path, url, **trust), BODY)
    assert web.ranges["/model.onnx"] == [None, REST]
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model.onnx"]


def test_two_at_once_in_one_directory(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def stall(request: BaseHTTPRequestHandler) -> None:
        arrived.set()
        go_on.wait(30)
        content(BODY)(request)

    url = web.script("/model.onnx", stall)
    (tmp_path / "model").mkdir()
    with subprocess.Popen(
        [str(COMMAND), "fetch", url, str(tmp_path / "model")],
        env=clean_environment() | trust,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert arrived.wait(30)
        second = fetch(tmp_path, url, **trust)
        go_on.set()
        assert process.wait(30) == 0
    assert second.code == 75
    assert "another fetch into" in second.last_word
    assert files_in(tmp_path / "model") == {"model.onnx": BODY}


def test_a_package_whose_files_are_cut(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    files = models.package(tmp_path / "package", padding=100_000)
    url = web.serve("/fraud", files)
    whole = files["model.onnx"]
    web.script("/fraud/model.onnx", part(whole, ETAG, most=50_000), part(whole, ETAG))
    outcome = fetch(tmp_path, url, **trust)
    assert (outcome.code, outcome.files) == (0, files), outcome.stderr
    assert web.ranges["/fraud/model.onnx"] == [None, "bytes=50000-"]


def test_a_package_with_a_file_that_is_not_as_its_manifest_says(
    tmp_path: Path, web: Web, trust: dict[str, str]
) -> None:
    files = models.package(tmp_path / "package")
    wrong = files["model.onnx"][:-1] + b"?"
    url = web.serve("/fraud", files | {"model.onnx": wrong})
    outcome = fetch(tmp_path, url, **trust)
    assert_failed(outcome, 65, f"model.onnx has digest {digest_of(wrong)}, but {digest_of(files['model.onnx'])} was")


def test_another_digest_is_refused_before_anything_but_the_manifest_is_read(
    tmp_path: Path, web: Web, trust: dict[str, str]
) -> None:
    url = web.serve("/fraud", models.package(tmp_path / "package"))
    assert_failed(fetch(tmp_path, url, "--digest", digest_of(b""), **trust), 65, "the model has digest sha256:")
    assert dict(web.requests) == {"/fraud/model.yaml": 1}


def test_a_package_takes_the_place_of_another(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    """Also of its samples, which the server would try on the new model."""
    old = models.package(tmp_path / "old")
    new = models.package(tmp_path / "new", weights=(1.0, 2.0))
    extra = {"model.onnx": models.BARE["fraud.onnx"]} | {name: models.BARE[name] for name in ("w.bin", "more/w.bin")}
    for name, files in {"old": old, "new": new, "bare": extra}.items():
        web.serve(f"/{name}", files)
    for name, files in {"old": old, "new": new, "bare": extra}.items():
        outcome = fetch(tmp_path, f"{web.url}/{name}", **trust)
        assert (outcome.code, outcome.files) == (0, files), outcome.stderr
    assert json.loads(outcome.last_word)["kind"] == "model"


def test_the_query_of_a_signed_url_goes_with_every_request(tmp_path: Path) -> None:
    with web_server(None) as web:
        url = web.serve("/bare", models.BARE)
        outcome = fetch(tmp_path, f"{url}/fraud.onnx?sig=s3cret")
    assert (outcome.code, outcome.files) == (0, models.BARE_FETCHED), outcome.stderr
    assert set(web.queries) == {"sig=s3cret"}
