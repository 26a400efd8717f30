"""A real etcd and kube-apiserver with the CRDs of Leadsman and of the Gateway API, and namespaces for the tests."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest
import yaml

from apiserver.kubeapi import CRDS, Api, established
from apiserver.waiting import eventually
from apiserver.world import World

ROOT = Path(__file__).parents[2]
_NUMBERS = count(1)


class Cluster(Protocol):
    """What tests use of hack/light_cluster.py's Cluster."""

    kubeconfig: Path

    def stop_etcd(self) -> None: ...

    def start_etcd(self) -> None: ...


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The light cluster."""
    light = _light_cluster()
    try:
        with light.light_cluster() as cluster:
            yield cluster
    except light.ClusterError as error:
        pytest.skip(f"needs the light cluster: {error}")


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    """The light cluster's administrator."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[Api]:
    """The API server with all CRDs, as its administrator sees it."""
    with closing(Api(kubeconfig)) as api:
        _install_crds(api)
        yield api


def _install_crds(api: Api) -> None:
    for manifest in (*sorted((ROOT / "crds").glob("*.yaml")), *route_crds("standard")):
        crd = yaml.safe_load(manifest.read_text())
        api.create(CRDS, crd)
    eventually(lambda: all(established(crd) for crd in api.items(CRDS)), "all CRDs are Established")
    # Established is said a moment before it is served.
    eventually(lambda: not api.missing("apis/leadsman.dev/v1alpha1"), "the group is served")


@pytest.fixture(scope="session")
def new_namespace(api: Api) -> Callable[[], str]:
    """Makes a namespace, with the ServiceAccount that a controller would have made."""

    def make() -> str:
        name = f"test-{next(_NUMBERS)}"
        api.create("api/v1/namespaces", {"metadata": {"name": name}})
        api.create(f"api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
        return name

    return make


@pytest.fixture
def namespace(new_namespace: Callable[[], str]) -> str:
    """A namespace of the test's own."""
    return new_namespace()


@pytest.fixture
def world(api: Api, namespace: str) -> Iterator[World]:
    """Controllers, kubelet, gateway and users of the namespace."""
    world = World(api, namespace)
    yield world
    world.free_addresses()


def _light_cluster() -> ModuleType:
    spec = importlib.util.spec_from_file_location("light_cluster", ROOT / "hack" / "light_cluster.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def route_crds(channel: str) -> list[Path]:
    """The Gateway API's own CRDs of a channel, out of the Go module that Envoy Gateway is built with."""
    if not shutil.which("go"):
        pytest.skip("needs Go: the Gateway API's CRDs come from its Go module")
    tools = ROOT / "hack" / "tools" / "envoy-gateway"
    done = subprocess.run(
        ["go", "mod", "download", "-json", "sigs.k8s.io/gateway-api"],
        cwd=tools,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    crds = Path(json.loads(done.stdout)["Dir"]) / "config/crd" / channel
    return [crds / f"gateway.networking.k8s.io_{plural}.yaml" for plural in ("httproutes", "grpcroutes")]
