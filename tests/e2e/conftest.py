"""The real cluster, with Leadsman installed by its chart and a store of models to serve."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import onnx
import pytest
from onnx import TensorProto, helper

from support.cluster import ROOT, kubectl, run

STORE = "e2e-store"


@pytest.fixture(scope="session")
def leadsman() -> None:
    """Leadsman, as `make install` installs it."""
    run("make", "install")


@pytest.fixture(scope="session")
def image(leadsman: None) -> str:
    """The serving image: it has Python, for pods that help a test."""
    operator = kubectl("-n", "leadsman-system", "get", "deployment", "leadsman", "-o", "json")
    return next(word for word in operator.split('"') if "leadsman-serving:" in word)


@pytest.fixture(scope="session")
def misfit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that refuses every request of the quickstart's users: it wants seven features, and they send four."""
    shape = ["N", 7]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["X"], ["label"])],
        "misfit",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("label", TensorProto.FLOAT, shape)],
    )
    path = tmp_path_factory.mktemp("misfit") / "misfit.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="session")
def store(image: str, misfit: Path) -> Iterator[str]:
    """A store in the cluster, by its URL: the quickstart's v1.onnx and v2.onnx, misfit.onnx, and broken.onnx."""
    quickstart = ROOT / "examples/quickstart"
    kubectl("create", "namespace", STORE)
    try:
        kubectl(
            "-n",
            STORE,
            "create",
            "configmap",
            "models",
            f"--from-file={quickstart / 'models'}",
            f"--from-file={misfit}",
            f"--from-file=broken.onnx={quickstart / 'policy.yaml'}",
        )
        manifest = (quickstart / "store.yaml").read_text()
        kubectl("apply", "-f", "-", stdin=manifest.replace("SERVING_IMAGE", image).replace("quickstart", STORE))
        kubectl("-n", STORE, "rollout", "status", "deployment/model-store", "--timeout=120s")
        yield f"http://model-store.{STORE}.svc"
    finally:
        kubectl("delete", "namespace", STORE, "--wait=false")


@pytest.fixture
def namespace(leadsman: None) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"e2e-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
