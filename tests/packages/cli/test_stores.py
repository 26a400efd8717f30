"""push to object stores, each a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadsman_package.layout import digest
from packages.cli.conftest import Leadsman
from packages.sources.servers import ObjectServer, az_server, s3_server
from support.packages import make_package
from support.registry import names_below

# gs is left out: fake-gcs-server does not take the uploads of Google's XML API, which obstore makes.
_SERVERS = {"s3": s3_server, "az": az_server}


@pytest.fixture(scope="module", params=_SERVERS)
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with _SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as server:
        yield server


def test_a_package_goes_there_and_back(objects: ObjectServer, leadsman: Leadsman, tmp_path: Path) -> None:
    make_package(tmp_path / "large", padding=20 << 20)  # several parts
    (tmp_path / "large/model.sig").write_text("{}")
    uri = objects.uri("there/1")
    pushed = leadsman("push", "large", uri, **objects.environment)
    assert pushed.returncode == 0, pushed.stderr
    assert f"digest: {digest(tmp_path / 'large')}" in pushed.stdout
    pulled = leadsman("pull", uri, "out", "--digest", digest(tmp_path / "large"), **objects.environment)
    assert pulled.returncode == 0, pulled.stderr
    assert names_below(tmp_path / "out") == names_below(tmp_path / "large")


def test_another_package_is_not_replaced_unasked(objects: ObjectServer, leadsman: Leadsman) -> None:
    uri = objects.uri("taken")
    assert leadsman("push", "fraud-1", uri, **objects.environment).returncode == 0
    assert leadsman("push", "fraud-1", uri, **objects.environment).returncode == 0
    refused = leadsman("push", "fraud-2", uri, **objects.environment)
    assert refused.returncode == 1
    assert "already; push elsewhere, or replace it with --force" in refused.stderr
    assert leadsman("push", "--force", "fraud-2", uri, **objects.environment).returncode == 0
