"""Who may push and pull, by what credentials, and over what connections."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.pushing import push
from leadsman_package.sources.store import Settings
from packages.registry.tokens import ISSUER, SERVICE, TokenServer, token_server
from packages.sources.web import make_authority
from support.registry import HTPASSWD, PASSWORD, USER, RunningRegistry, docker_config, running_registry

NO_PATIENCE = Settings(retry_for=0)
PAIR = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry that wants a password."""
    with running_registry(tmp_path_factory.mktemp("locked"), auth=HTPASSWD) as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tokens(authority: tuple[Path, Path]) -> Iterator[TokenServer]:
    with token_server(authority[1]) as server:
        yield server


@pytest.fixture(scope="module")
def bearer(
    tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer, authority: tuple[Path, Path]
) -> Iterator[RunningRegistry]:
    """A registry that wants the token server's tokens."""
    auth = {"realm": tokens.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(authority[0])}
    with running_registry(tmp_path_factory.mktemp("bearer"), auth={"token": auth}) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        pytest.param("config.json", {"auth": PAIR}, id="as docker login writes it"),
        pytest.param("config.json", {"username": USER, "password": PASSWORD}, id="user name and password apart"),
        pytest.param(".dockerconfigjson", {"auth": PAIR}, id="as a Secret is mounted"),
    ],
)
def test_credentials_of_docker(
    locked: RunningRegistry, package: Path, tmp_path: Path, name: str, entry: dict[str, str]
) -> None:
    docker_config(tmp_path / "docker", locked.host, entry, name)
    pushed = push(package, locked.uri("fraud:1"), settings=NO_PATIENCE)
    (tmp_path / "target").mkdir()
    assert fetch(pushed.uri, tmp_path / "target", settings=NO_PATIENCE).digest == pushed.digest


def test_credentials_of_a_helper(
    locked: RunningRegistry, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-tests"
    said = json.dumps({"Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\nread host\ntest \"$host\" = {locked.host} && echo '{said}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text(json.dumps({"credHelpers": {locked.host: "tests"}}))
    push(package, locked.uri("helped:1"), settings=NO_PATIENCE)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param(None, "there are none for it in", id="no file"),
        pytest.param('{"auths": {"elsewhere.example": {"auth": "eDp5"}}}', "there are none for it in", id="of others"),
        pytest.param('{"auths": {"HOST": {"auth": "eDp5"}}}', "those for it in", id="wrong ones"),
        pytest.param('{"auths": {', "expected a Docker configuration", id="a broken file"),
        pytest.param('{"auths": []}', "expected a Docker configuration", id="another file"),
        pytest.param('{"auths": {"HOST": []}}', "cannot be used for", id="a broken entry"),
    ],
)
def test_who_is_not_let_in_is_told_at_once(
    locked: RunningRegistry, package: Path, tmp_path: Path, config: str | None, said: str
) -> None:
    (tmp_path / "docker").mkdir()
    if config is not None:
        (tmp_path / "docker/config.json").write_text(config.replace("HOST", locked.host))
    with pytest.raises(PackageError, match=said) as told:
        push(package, locked.uri("fraud:9"))
    assert not told.value.transient
    assert str(tmp_path / "docker/config.json") in str(told.value)


def test_anyone_may_pull_with_a_token_and_somebody_push(
    bearer: RunningRegistry, tokens: TokenServer, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_config(tmp_path / "docker", bearer.host, {"auth": PAIR})
    pushed = push(package, bearer.uri("fraud:1"), settings=NO_PATIENCE)
    asked = {(*scope.split(":")[:2], *sorted(scope.rpartition(":")[2].split(","))) for scope, _ in tokens.given}
    assert ("repository", "fraud", "pull", "push") in asked
    assert {who for _, who in tokens.given} == {"somebody"}
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nowhere"))
    tokens.given.clear()
    (tmp_path / "target").mkdir()
    fetch(pushed.uri, tmp_path / "target", settings=NO_PATIENCE)
    assert tokens.given == [("repository:fraud:pull", "anonymous")]
    with pytest.raises(PackageError, match="access denied, 401"):
        push(package, bearer.uri("fraud:2"), settings=NO_PATIENCE)


def test_tls_by_an_authority_of_ones_own(
    authority: tuple[Path, Path], package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "target").mkdir()
    with running_registry(tmp_path / "registry", certificate=authority[1]) as secure:
        uri = secure.uri("fraud:1")
        with pytest.raises(PackageError, match="CERTIFICATE_VERIFY_FAILED") as told:
            push(package, uri)
        assert not told.value.transient
        monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
        pushed = push(package, uri, settings=NO_PATIENCE)
        assert fetch(pushed.uri, tmp_path / "target", settings=NO_PATIENCE).digest == pushed.digest


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_authorities_that_are_none_do_not_lead_to_plain_http(
    registry: RunningRegistry, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
    if text is not None:
        (tmp_path / "authorities.pem").write_text(text)
    with pytest.raises(PackageError, match=r"NO_CERTIFICATE_OR_CRL_FOUND|TLS CA certificate bundle"):
        push(package, registry.uri("fraud:1"), settings=NO_PATIENCE)


def test_a_registry_that_is_down_may_come_back(package: Path) -> None:
    with pytest.raises(PackageError, match="Connection refused") as told:
        push(package, "oci://127.0.0.1:9/fraud:1", settings=NO_PATIENCE)
    assert told.value.transient
