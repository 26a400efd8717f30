"""Registries, and packages to push to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.packages import make_package
from support.registry import RunningRegistry, running_registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry that lets anyone in, and has no TLS."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The directory of a package."""
    return make_package(tmp_path / "package")


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "LEADSMAN_OCI_INSECURE"):
        monkeypatch.delenv(name, raising=False)
