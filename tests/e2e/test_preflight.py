"""Preflight and followed references on a real cluster, with the serving image as it is."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.cluster import ROOT, apply, eventually, get, kubectl, run

pytestmark = pytest.mark.cluster

MODEL = "iris"
QUICKSTART = ROOT / "examples/quickstart/models"
SAMPLE = "a,b,c,d\n" + "".join(f"{n % 8}.{n % 7},{n % 5}.5,{n % 6}.1,{n % 3}.2\n" for n in range(60))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with whole.tar.gz, a package, and torn.tar.gz, the same with other golden answers."""
    directory = tmp_path_factory.mktemp("packages")
    (directory / "sample.csv").write_text(SAMPLE)
    for name, onnx in (("whole", "v1.onnx"), ("other", "v2.onnx")):
        command = ("leadsman", "package", str(QUICKSTART / onnx), "--sample", str(directory / "sample.csv"))
        run(*command, "--name", MODEL, "--version", name, "-o", str(directory / name))
    (directory / "whole.tar.gz").write_bytes(_packed(directory / "whole"))
    # The manifest knows nothing of the other model: its sums are wrong.
    (directory / "whole/model.onnx").write_bytes((directory / "other/model.onnx").read_bytes())
    (directory / "torn.tar.gz").write_bytes(_packed(directory / "whole"))
    return directory


def _packed(directory: Path) -> bytes:
    archive = directory.parent / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(directory, arcname=".")
    return archive.read_bytes()


@pytest.fixture
def shelf(namespace: str, image: str, packages: Path) -> Callable[[str, str], str]:
    """A store in the test's namespace; calling it puts a file there under a name, and returns the URI."""
    files = [f"--from-file={packages / name}" for name in ("whole.tar.gz", "torn.tar.gz")]
    kubectl("-n", namespace, "create", "configmap", "models", f"--from-file={QUICKSTART}", *files)
    manifest = (ROOT / "examples/quickstart/store.yaml").read_text()
    manifest = manifest.replace("SERVING_IMAGE", image).replace("quickstart", namespace)
    # What lies there is to change while the test runs.
    manifest = manifest.replace(
        "/models, readOnly: true}]", "/source, readOnly: true}, {name: shelf, mountPath: /models}]"
    )
    manifest = manifest.replace("volumes:\n", "volumes:\n      - {name: shelf, emptyDir: {}}\n")
    kubectl("apply", "-f", "-", stdin=manifest)
    kubectl("-n", namespace, "rollout", "status", "deployment/model-store", "--timeout=120s")

    def put(file: str, name: str) -> str:
        # Renamed into place: nobody reads half of it.
        script = f"cp /source/{file} /models/.new && mv /models/.new /models/{name}"
        kubectl("-n", namespace, "exec", "deployment/model-store", "--", "sh", "-c", script)
        return f"http://model-store.{namespace}.svc/{name}"

    return put


def deployment(namespace: str, **source: Any) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": MODEL, "namespace": namespace},
        "spec": {"model": source},
    }


def status(namespace: str) -> dict[str, Any]:
    return dict(get("mdep", namespace, MODEL).get("status", {}))


def ready(namespace: str) -> tuple[str, str]:
    """The reason of Ready and its message, of the latest spec."""
    found = get("mdep", namespace, MODEL)
    if found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
        return "", ""
    condition = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    return condition["reason"], condition["message"]


def records(namespace: str) -> list[dict[str, Any]]:
    """The ModelRevisions, oldest first."""
    return sorted(get("mrev", namespace)["items"], key=lambda one: one["metadata"]["creationTimestamp"])


def serving_pods(namespace: str) -> list[dict[str, Any]]:
    """Every pod that serves, or is to."""
    items: list[dict[str, Any]] = get("pods", namespace, "", "-l", "leadsman.dev/revision")["items"]
    return items


def test_a_package_passes_its_preflight_and_serves_the_bytes_that_passed(
    namespace: str, shelf: Callable[[str, str], str]
) -> None:
    apply(deployment(namespace, uri=shelf("whole.tar.gz", "whole.tar.gz"), version="1"))
    eventually("it serves", lambda: ready(namespace)[0] == "Serving")
    [record] = records(namespace)
    report = record["status"]["preflight"]
    verdicts = {check["name"]: check["verdict"] for check in report["checks"]}
    assert report["passed"]
    assert {verdicts[name] for name in ("fetch", "manifest", "load", "memory", "golden")} == {"Pass"}
    assert record["spec"]["digest"] == report["digest"] == record["status"]["digest"]
    [pod] = serving_pods(namespace)
    assert pod["spec"]["initContainers"][0]["args"][-2:] == ["--digest", report["digest"]]
    assert get("jobs", namespace)["items"] == []


def test_a_broken_one_is_rejected_before_it_has_a_single_pod(namespace: str, shelf: Callable[[str, str], str]) -> None:
    apply(deployment(namespace, uri=shelf("v1.onnx", "v1.onnx"), version="1"))
    eventually("the bare model serves", lambda: ready(namespace)[0] == "Serving")
    before = {pod["metadata"]["uid"] for pod in serving_pods(namespace)}
    replicas = {item["metadata"]["name"] for item in get("replicasets", namespace)["items"]}
    apply(deployment(namespace, uri=shelf("torn.tar.gz", "torn.tar.gz"), version="2"))
    eventually("it is rejected", lambda: ready(namespace)[0] == "PreflightFailed")
    _, record = records(namespace)
    assert record["status"]["outcome"] == "Rejected"
    assert not record["status"]["preflight"]["passed"]
    assert record["status"]["preflight"]["message"] in ready(namespace)[1]
    assert "Traceback" not in ready(namespace)[1]
    assert {pod["metadata"]["uid"] for pod in serving_pods(namespace)} == before
    assert {item["metadata"]["name"] for item in get("replicasets", namespace)["items"]} == replicas
    assert status(namespace)["stableVersion"] == "1"
    assert get("jobs", namespace)["items"] == []
    events = get("events.events.k8s.io", namespace)["items"]
    assert "PreflightFailed" in {event["reason"] for event in events}


def test_new_bytes_under_a_followed_uri_are_a_new_revision(namespace: str, shelf: Callable[[str, str], str]) -> None:
    uri = shelf("v1.onnx", "current.onnx")
    apply(deployment(namespace, uri=uri, follow={"interval": "10s"}))
    eventually("it serves", lambda: ready(namespace)[0] == "Serving")
    first = status(namespace)["following"]["digest"]
    shelf("v2.onnx", "current.onnx")
    eventually("the new bytes are found", lambda: status(namespace)["following"]["digest"] != first, 120)
    second = status(namespace)["following"]["digest"]
    eventually(
        "they serve",
        lambda: ready(namespace)[0] == "Serving" and records(namespace)[-1]["status"]["outcome"] == "Promoted",
        120,
    )
    assert [record["spec"]["digest"] for record in records(namespace)] == [first, second]


def test_new_bytes_that_nobody_follows_are_reported_and_not_served(
    namespace: str, shelf: Callable[[str, str], str]
) -> None:
    apply(deployment(namespace, uri=shelf("v1.onnx", "model.onnx"), version="1"))
    eventually("it serves", lambda: ready(namespace)[0] == "Serving")
    [record] = records(namespace)
    shelf("v2.onnx", "model.onnx")
    changed = deployment(namespace, uri=record["spec"]["model"]["uri"], version="1")
    changed["spec"]["scaling"] = {"minReplicas": 2}
    apply(changed)
    eventually(
        "the second pod is refused", lambda: record["spec"]["digest"].removeprefix("sha256:") in ready(namespace)[1]
    )
    available = next(one for one in status(namespace)["conditions"] if one["type"] == "Available")
    assert available["status"] == "True"
    assert record["spec"]["digest"] in available["message"]
