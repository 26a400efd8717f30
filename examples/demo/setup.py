"""What the demo puts into the cluster before the first user comes, and how it takes it out again."""

import json
import os
from pathlib import Path

from demo import cluster, manifests
from demo.cluster import ROOT, DemoError, Images, Object
from demo.data import NAME
from demo.gateway import Forward
from demo.manifests import NAMESPACE
from demo.packages import push
from demo.train import Model

RELEASE = "leadsman"
OPERATOR_NAMESPACE = "leadsman-system"
_MDEP = "modeldeployments.leadsman.dev"


def cache_folder() -> Path:
    """Return the project's cache, the same that hack/lib.sh uses."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("LEADSMAN_CACHE") or Path(home) / "leadsman") / "demo"


def operator_installed() -> bool:
    """Whether the release is there already."""
    return _release_status() != ""


def install_operator(images: Images) -> None:
    """Install or upgrade the operator by its chart, as a user would."""
    if _release_status().startswith("pending-install"):
        # An installation that was killed half-way: Helm refuses to go on from there, and nothing ever ran.
        cluster.helm("uninstall", RELEASE, "-n", OPERATOR_NAMESPACE)
    if cluster.get("crd", _MDEP) is not None:
        # Helm installs CRDs, but never upgrades them.
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    repository, _, tag = images.operator.rpartition(":")
    arguments = ["upgrade", "--install", RELEASE, str(ROOT / "charts/leadsman"), "-n", OPERATOR_NAMESPACE]
    arguments += ["--create-namespace", "--wait", "--timeout", "3m", "--set", f"operator.image.repository={repository}"]
    arguments += ["--set", f"operator.image.tag={tag}", "--set", f"servingImage={images.serving}"]
    try:
        cluster.helm(*arguments)
    except DemoError as problem:
        pods = cluster.kubectl("get", "pods", "-n", OPERATOR_NAMESPACE, check=False)
        logs = cluster.kubectl("logs", "-n", OPERATOR_NAMESPACE, f"deployment/{RELEASE}", "--tail=15", check=False)
        raise DemoError(f"{problem}\n{pods}{logs}") from None


def uninstall_operator() -> None:
    """Remove the release; its CRDs stay, as Helm leaves them, since objects of others may depend on them."""
    cluster.helm("uninstall", RELEASE, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout", "2m")
    cluster.kubectl("delete", "namespace", OPERATOR_NAMESPACE, "--ignore-not-found", "--timeout=120s")


def make_namespace(images: Images) -> None:
    """Make the namespace with the registry and the policy; what an earlier demo left there goes first."""
    remove_namespace()
    cluster.apply(manifests.namespace())
    cluster.apply(*manifests.model_store(images.registry), manifests.rollout_policy())
    cluster.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{manifests.STORE}", "--timeout=120s")


def push_packages(models: list[Model], folder: Path) -> None:
    """Push each version's package to the registry, through a port-forward that ends with it."""
    forward = Forward(NAMESPACE, manifests.STORE, manifests.STORE_PORT, folder)
    try:
        for model in models:
            push(Path(model.path), f"oci://{forward.address}/{NAME}:{model.version}")
    finally:
        forward.close()


def deployments_of(revision: str) -> list[str]:
    """Return the names of a revision's Deployments."""
    labels = f"leadsman.dev/model={NAME},leadsman.dev/revision={revision}"
    return [found["metadata"]["name"] for found in cluster.items("deployments", "-n", NAMESPACE, "-l", labels)]


def remove_namespace() -> None:
    """Delete the namespace if it is the demo's, the ModelDeployment first: the operator removes its finalizer."""
    found = cluster.get("namespace", NAMESPACE)
    if found is None:
        return
    if not manifests.OURS.items() <= found["metadata"].get("labels", {}).items():
        raise DemoError(f"the namespace {NAMESPACE} is there and is not the demo's; delete it or use another cluster")
    cluster.kubectl("delete", _MDEP, "--all", "-n", NAMESPACE, "--ignore-not-found", "--timeout=60s", check=False)
    if cluster.kubectl("get", _MDEP, "-n", NAMESPACE, "-o", "name", check=False).strip():
        # No operator is there to let go of it.
        released = '{"metadata":{"finalizers":null}}'
        cluster.kubectl("patch", _MDEP, NAME, "-n", NAMESPACE, "--type=merge", "-p", released, check=False)
    # No user is left to finish anything for.
    cluster.kubectl("delete", "pods", "--all", "-n", NAMESPACE, "--grace-period=1", "--wait=false", check=False)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")


def restarts_by_pod(revision: str) -> dict[str, int]:
    """Return the restarts of each pod of a revision by the pod's UID, those that are being deleted left out."""
    labels = f"leadsman.dev/model={NAME},leadsman.dev/revision={revision}"
    pods = cluster.items("pods", "-n", NAMESPACE, "-l", labels)
    return {pod["metadata"]["uid"]: _restarts(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def _release_status() -> str:
    releases = json.loads(cluster.helm("list", "--all", "-n", OPERATOR_NAMESPACE, "-o", "json"))
    return next((str(release["status"]) for release in releases if release["name"] == RELEASE), "")


def _restarts(pod: Object) -> int:
    return sum(status["restartCount"] for status in pod.get("status", {}).get("containerStatuses", ()))
