"""Servers that several tests share: starting one takes most of a second."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving import models
from serving.process import ServerProcess, serving


def _serve(model: object, directory: Path) -> Iterator[ServerProcess]:
    with serving(models.save(model, directory)) as server:
        yield server


@pytest.fixture(scope="session")
def total_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Serves models.total as "m", version "v1", revision "rev-a", with bodies up to 100,000 bytes."""
    directory = models.save(models.total(), tmp_path_factory.mktemp("total"))
    with serving(directory, "--max-body-bytes", "100000") as server:
        yield server


@pytest.fixture(scope="session")
def datatypes_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from _serve(models.every_datatype(), tmp_path_factory.mktemp("datatypes"))


@pytest.fixture
def lookup_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Fresh for each test: its counters start at zero."""
    yield from _serve(models.lookup(), tmp_path / "lookup")


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client
