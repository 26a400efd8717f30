"""Servers that several tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packages.sources.servers import ObjectServer, az_server, gs_server, s3_server
from packages.sources.web import Web, make_authority, web_server

_SERVERS = {"s3": s3_server, "gs": gs_server, "az": az_server}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of an authority that nobody knows, and of a server's certificate by it."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def web(authority: tuple[Path, Path]) -> Iterator[Web]:
    with web_server(authority[1]) as web:
        yield web


@pytest.fixture
def trust(authority: tuple[Path, Path]) -> dict[str, str]:
    """The environment in which that authority is trusted."""
    return {"SSL_CERT_FILE": str(authority[0])}


@pytest.fixture(scope="session", params=["s3", "gs", "az"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """Each of the object stores."""
    with _SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with s3_server(tmp_path_factory.mktemp("only-s3")) as server:
        yield server
