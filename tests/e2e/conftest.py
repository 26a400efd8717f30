"""The real cluster, with Leadsman installed by its chart and a store of models to serve."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.cluster import ROOT, kubectl, run
from support.store import model_store, serving_image, write_misfit, write_touchy


@pytest.fixture(scope="session")
def leadsman() -> None:
    """Leadsman, as `make install` installs it."""
    run("make", "install")


@pytest.fixture(scope="session")
def image(leadsman: None) -> str:
    """The serving image: it has Python, for pods that help a test."""
    return serving_image()


@pytest.fixture(scope="session")
def misfit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that refuses every request of the quickstart's users."""
    return write_misfit(tmp_path_factory.mktemp("misfit") / "misfit.onnx")


@pytest.fixture(scope="session")
def store(leadsman: None, misfit: Path) -> Iterator[str]:
    """A store in the cluster, by its URL: the quickstart's v1.onnx and v2.onnx, misfit, touchy and broken.onnx."""
    touchy = write_touchy(misfit.with_name("touchy.onnx"))
    broken = misfit.with_name("broken.onnx")
    broken.write_bytes((ROOT / "examples/quickstart/policy.yaml").read_bytes())
    with model_store("e2e-store", misfit, touchy, broken) as url:
        yield url


@pytest.fixture
def namespace(leadsman: None) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"e2e-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
