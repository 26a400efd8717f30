import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from packages.sources.fetching import assert_failed, assert_fetched, digest_of, fetch
from packages.sources.web import Responder, Web, content, cut, drip, status, web_server
from serving.process import COMMAND, clean_environment, free_ports

BODY = bytes(range(256)) * 1000


SUCCEEDS: dict[str, tuple[list[Responder], int]] = {
    "at once": ([content(BODY)], 1),
    "slowly and without a length": ([drip(BODY, 0.03)], 1),
    "after 503": ([status(503), content(BODY)], 2),
    "after 429": ([status(429), content(BODY)], 2),
    "after a cut connection": ([cut(BODY), content(BODY)], 2),
    "after a redirect": ([status(302, ("location", "/x/model.onnx")), content(BODY)], 2),
}


@pytest.mark.parametrize("case", SUCCEEDS)
def test_succeeds(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    responders, requests = SUCCEEDS[case]
    url = web.script("/x/model.onnx", *responders)
    assert_fetched(fetch(tmp_path, url, "--digest", digest_of(BODY), **trust), BODY)
    assert web.requests["/x/model.onnx"] == requests


FAILS: dict[str, tuple[Responder, int, str, int | None]] = {
    "not there": (status(404), 65, "answered 404 Not Found", 1),
    "not allowed": (status(403), 65, "answered 403 Forbidden", 1),
    "packed": (status(200, ("content-encoding", "gzip")), 65, "is sent with content-encoding gzip", 1),
    "to plain http": (status(302, ("location", "http://127.0.0.1:1/x")), 65, "redirects to plain http", 1),
    "broken for good": (status(500), 75, "answered 500 Internal Server Error", None),
    "always cut": (cut(BODY), 75, "peer closed connection", None),
    "other bytes than expected": (content(BODY[1:]), 65, f"but {digest_of(BODY)} was expected", 1),
}


@pytest.mark.parametrize("case", FAILS)
def test_fails(case: str, tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    responder, code, reason, requests = FAILS[case]
    url = web.script("/x/model.onnx", responder)
    assert_failed(fetch(tmp_path, url, "--digest", digest_of(BODY), **trust), code, reason)
    if requests is None:
        assert web.requests["/x/model.onnx"] >= 2, "it was worth another try"
    else:
        assert web.requests["/x/model.onnx"] == requests, "another try would not have helped"


def test_plain_http(tmp_path: Path) -> None:
    with web_server(None) as web:
        assert_fetched(fetch(tmp_path, web.script("/model.onnx", content(BODY))), BODY)


def test_an_authority_nobody_trusts(tmp_path: Path, web: Web) -> None:
    outcome = fetch(tmp_path, web.script("/model.onnx", content(BODY)))
    assert_failed(outcome, 65, "CERTIFICATE_VERIFY_FAILED")
    assert web.requests == {}


def test_nobody_listens(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    outcome = fetch(tmp_path, f"http://127.0.0.1:{port}/model.onnx")
    assert_failed(outcome, 75, f"http://127.0.0.1:{port}/model.onnx: ", "onnection refused")
    assert "attempt 1 failed" in outcome.stderr


def test_secrets_in_the_url_are_not_repeated(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    web.script("/model.onnx", status(403))
    url = web.url.replace("https://", "https://user:pa55word@") + "/model.onnx?X-Amz-Signature=s3cret"
    outcome = fetch(tmp_path, url, **trust)
    assert_failed(outcome, 65, f"{web.url}/model.onnx answered 403")
    assert not re.search("pa55word|s3cret", outcome.stderr)


def test_a_failure_leaves_the_model_that_was_there(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    url = web.script("/model.onnx", content(BODY), content(b"other"))
    assert_fetched(fetch(tmp_path, url, **trust), BODY)
    outcome = fetch(tmp_path, url, "--digest", digest_of(BODY), **trust)
    assert (outcome.code, outcome.files) == (65, {"model.onnx": BODY})


def test_no_termination_log_is_no_failure(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    (tmp_path / "termination").mkdir()
    finished = subprocess.run(
        [str(COMMAND), "fetch", web.script("/model.onnx", content(BODY)), str(tmp_path)],
        env=clean_environment() | trust | {"LEADSMAN_TERMINATION_LOG": str(tmp_path / "termination")},
        check=False,
        capture_output=True,
    )
    assert finished.returncode == 0, finished.stderr


BAD_URIS = {
    "": "an empty URI names no model",
    "nowhere/model.onnx": "nowhere/model.onnx: no such file or directory",
    "https://example.com": "'https://example.com' names no model; expected https://HOST/PATH",
    "s3://bucket": "'s3://bucket' names no model; expected s3://BUCKET/PATH",
    "ftp://example.com/model.onnx": "has the unknown scheme 'ftp'",
    "http://[::1/model.onnx": "http://[::1/model.onnx: ",
    "https://exa mple.com:port/model.onnx": "https://exa mple.com:port/model.onnx: ",
}


@pytest.mark.parametrize("uri", BAD_URIS)
def test_a_uri_that_is_wrong(uri: str, tmp_path: Path) -> None:
    assert_failed(fetch(tmp_path, uri), 65, BAD_URIS[uri])


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    piece, pieces = b"x" * (1 << 20), 192
    waiting, measured = threading.Event(), threading.Event()

    def hold_the_last_byte(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", str(pieces * len(piece)))
        request.end_headers()
        for _ in range(pieces - 1):
            request.wfile.write(piece)
        request.wfile.write(piece[1:])
        request.wfile.flush()
        waiting.set()
        measured.wait(30)
        request.wfile.write(piece[:1])

    with web_server(None) as web:
        url = web.script("/model.onnx", hold_the_last_byte)
        with subprocess.Popen(
            [str(COMMAND), "fetch", url, str(tmp_path)], env=clean_environment(), stderr=subprocess.DEVNULL
        ) as process:
            assert waiting.wait(30)
            peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            measured.set()
            assert process.wait(30) == 0
    assert peak is not None
    assert int(peak[1]) / 1024 < 100, "MiB for a model of 192 MiB"


def test_a_full_disk_is_one_sentence(tmp_path: Path, web: Web, trust: dict[str, str]) -> None:
    url = web.script("/x/model.onnx", content(BODY))
    target, log = tmp_path / "model", tmp_path / "termination"
    target.mkdir()
    # The process may write no file of more than 100 kB, which ends in the same way as a disk that is full.
    finished = subprocess.run(
        ["prlimit", "--fsize=100000", str(COMMAND), "fetch", url, str(target)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment() | trust | {"LEADSMAN_TERMINATION_LOG": str(log)},
    )
    assert finished.returncode == 65
    assert f"cannot write to {target}" in log.read_text()
    assert "Traceback" not in finished.stderr
    assert list(target.iterdir()) == []
