"""What a registry with TLS cannot talk anyone into."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.sources.store import Settings
from packages.sources.web import Web, content, make_authority, status, web_server
from support.registry import docker_config

NO_PATIENCE = Settings(retry_for=0)
SECRET = {"username": "me", "password": "secret"}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    root, leaf = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    with web_server(leaf) as web:
        web.script("/v2/", content(b""))
        docker_config(tmp_path / "docker", web.url.removeprefix("https://"), SECRET)
        yield web


def uri(web: Web) -> str:
    return web.url.replace("https://", "oci://") + "/fraud:1"


def told(web: Web, tmp_path: Path) -> str:
    with pytest.raises(PackageError) as error:
        fetch(uri(web), tmp_path, settings=NO_PATIENCE)
    assert "secret" not in str(error.value)
    assert not error.value.transient
    return str(error.value)


def test_no_redirect_to_plain_http_is_followed(web: Web, tmp_path: Path) -> None:
    with web_server(None) as plain:
        web.script("/v2/fraud/manifests/1", status(307, ("location", f"{plain.url}/v2/fraud/manifests/1")))
        assert "redirects to plain http, which is not followed" in told(web, tmp_path)
        assert not plain.requests


def test_no_token_is_fetched_by_plain_http(web: Web, tmp_path: Path) -> None:
    with web_server(None) as plain:
        challenge = f'Bearer realm="{plain.url}/token",service="x"'
        web.script("/v2/fraud/manifests/1", status(401, ("www-authenticate", challenge)))
        assert "wants its tokens fetched by plain http" in told(web, tmp_path)
        assert not plain.requests


def test_fresh_tokens_that_never_do_end_the_trying(web: Web, tmp_path: Path) -> None:
    challenge = f'Bearer realm="{web.url}/token",service="x"'
    web.script("/v2/fraud/manifests/1", status(401, ("www-authenticate", challenge)))
    web.script("/token", *(content(json.dumps({"token": f"t{count}"}).encode()) for count in range(20)))
    assert "access denied, 401" in told(web, tmp_path)
    assert web.requests["/v2/fraud/manifests/1"] == 3


@pytest.mark.parametrize("answer", [b"[1, 2", b"[1, 2]", b"7"])
def test_a_token_that_is_none(web: Web, tmp_path: Path, answer: bytes) -> None:
    challenge = f'Bearer realm="{web.url}/token",service="x"'
    web.script("/v2/fraud/manifests/1", status(401, ("www-authenticate", challenge)))
    web.script("/token", content(answer))
    assert "did not answer with a token" in told(web, tmp_path)
