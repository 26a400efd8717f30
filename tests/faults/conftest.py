"""A light cluster of its own for these tests, whose etcd is killed now and then."""

import pytest

from apiserver.fixtures import api, cluster, kubeconfig, namespace, new_namespace, world

__all__ = ["api", "cluster", "kubeconfig", "namespace", "new_namespace", "world"]


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether every kill and every schedule is to be run, which takes long."""
    return bool(request.config.getoption("--faults-full"))
