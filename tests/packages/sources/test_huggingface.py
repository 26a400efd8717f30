"""Against a local server that speaks the Hub's API, as the documentation of the Hub has it."""

import json
from pathlib import Path

import pytest

from packages.sources import models
from packages.sources.fetching import assert_failed, assert_fetched, assert_package, fetch, resolve
from packages.sources.web import Responder, Web, content, part, status, web_server

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def hub(web: Web, trust: dict[str, str]) -> dict[str, str]:
    """The environment in which this server is the Hub."""
    return trust | {"HF_ENDPOINT": web.url, "HF_TOKEN": "hf_s3cret"}


def has(web: Web, commit: str, files: dict[str, bytes], *revisions: str) -> None:
    """Have a commit of ann/fraud with these files, that the revisions are at."""
    for revision in revisions:
        about = {"_id": "1", "id": "ann/fraud", "sha": commit, "siblings": [], "tags": [], "private": False}
        web.script(f"/api/models/ann/fraud/revision/{revision}", content(json.dumps(about).encode()))
    for name, body in files.items():
        at = f"/cdn/{commit}/{name}"
        web.script(at, part(body, ("etag", '"1"')))
        web.script(f"/ann/fraud/resolve/{commit}/{name}", status(302, ("location", f"{web.url}{at}")))


def test_a_package(tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    has(web, FIRST, models.package(tmp_path / "package"), "main", "v1.0")
    assert_package(fetch(tmp_path, "hf://ann/fraud", **hub), tmp_path / "package")
    assert_package(fetch(tmp_path, "hf://ann/fraud@v1.0", **hub), tmp_path / "package")
    assert set(web.authorizations) == {"Bearer hf_s3cret"}


@pytest.mark.parametrize(
    ("variable", "kept"), [("HF_TOKEN_PATH", "token"), ("HF_HOME", ""), ("XDG_CACHE_HOME", ""), ("HOME", "")]
)
def test_the_token_that_was_kept_at_a_log_in(
    tmp_path: Path, web: Web, trust: dict[str, str], variable: str, kept: str
) -> None:
    below = {"HF_TOKEN_PATH": "token", "HF_HOME": "token", "XDG_CACHE_HOME": "huggingface/token"}
    token = tmp_path / "kept" / below.get(variable, ".cache/huggingface/token")
    token.parent.mkdir(parents=True)
    token.write_text("hf_kept\n")
    has(web, FIRST, models.package(tmp_path / "package"), "main")
    asked = fetch(tmp_path, "hf://ann/fraud", **trust, HF_ENDPOINT=web.url, **{variable: str(tmp_path / "kept" / kept)})
    assert_package(asked, tmp_path / "package")
    assert set(web.authorizations) == {"Bearer hf_kept"}


def test_a_commit_needs_no_asking(tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    has(web, FIRST, models.package(tmp_path / "package"))
    assert_package(fetch(tmp_path, f"hf://ann/fraud@{FIRST}", **hub), tmp_path / "package")


def test_a_model_within_a_repository(tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    has(web, FIRST, {f"onnx/{name}": body for name, body in models.BARE.items()}, "main")
    outcome = fetch(tmp_path, "hf://ann/fraud/onnx/fraud.onnx", "--digest", models.bare_digest(), **hub)
    assert (outcome.code, outcome.files) == (0, models.BARE_FETCHED), outcome.stderr


def test_a_branch_that_moves(tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    uri = "hf://ann/fraud/fraud.onnx"
    has(web, FIRST, models.BARE, "main")
    first = json.loads(resolve(tmp_path, uri, **hub).last_word)
    assert (first["identity"], first["digest"]) == (FIRST, models.bare_digest())
    known = f"{FIRST}={first['digest']}"
    asked = len(web.queries)
    assert json.loads(resolve(tmp_path, uri, "--known", known, **hub).last_word) == first
    assert len(web.queries) == asked + 1, "only which commit the branch is at"
    has(web, SECOND, models.BARE | {"w.bin": b"new"}, "main")
    second = json.loads(resolve(tmp_path, uri, "--known", known, **hub).last_word)
    assert second["identity"] == SECOND
    assert second["digest"] != first["digest"]


def test_the_token_goes_to_no_other_host(tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    with web_server(None) as elsewhere:
        there = elsewhere.script("/m.onnx", content(b"a model"))
        web.script(f"/ann/fraud/resolve/{FIRST}/m.onnx", status(302, ("location", there)))
        assert_failed(fetch(tmp_path, f"hf://ann/fraud@{FIRST}/m.onnx", **hub), 65, "redirects to plain http")
    with web_server(None) as plain, web_server(None) as elsewhere:
        there = elsewhere.script("/m.onnx", content(b"a model"))
        plain.script(f"/ann/fraud/resolve/{FIRST}/m.onnx", status(302, ("location", there)))
        outcome = fetch(tmp_path, f"hf://ann/fraud@{FIRST}/m.onnx", HF_ENDPOINT=plain.url, HF_TOKEN="hf_s3cret")
        assert_fetched(outcome, b"a model")
        assert (plain.authorizations, elsewhere.authorizations) == (["Bearer hf_s3cret"], [None])


FAILS: dict[str, tuple[str, Responder, int, str]] = {
    "no such model": (
        "hf://ann/fraud",
        status(404, body=b'{"error": "Repository not found"}'),
        65,
        "/api/models/ann/fraud/revision/main answered 404 Not Found: Repository not found",
    ),
    "no such revision": (
        "hf://ann/fraud@a%2Fb",
        status(404, body=b'{"error": "Invalid rev id: v9"}'),
        65,
        "Invalid rev id",
    ),
    "nobody's business": (
        "hf://ann/fraud",
        status(401, body=b'{"error": "Invalid username or password."}'),
        65,
        "answered 401 Unauthorized: Invalid username or password; check the credentials",
    ),
    "out of order": ("hf://ann/fraud", status(503), 75, "answered 503 Service Unavailable"),
    "no hub": ("hf://ann/fraud", content(b"{}"), 65, "what is at HF_ENDPOINT did not answer as the Hub does"),
    "no owner": ("hf://fraud", status(200), 65, "expected hf://OWNER/MODEL[@REVISION][/PATH]"),
}


@pytest.mark.parametrize("case", FAILS)
def test_fails(case: str, tmp_path: Path, web: Web, hub: dict[str, str]) -> None:
    uri, responder, expected, reason = FAILS[case]
    for revision in ("main", "a%2Fb"):
        web.script(f"/api/models/ann/fraud/revision/{revision}", responder)
    outcome = fetch(tmp_path, uri, **hub)
    assert_failed(outcome, expected, reason)
    assert "hf_s3cret" not in outcome.stderr
