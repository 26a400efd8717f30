"""The light cluster's fixtures, for the tests of this directory."""

from apiserver.fixtures import api, cluster, kubeconfig, namespace, new_namespace, world

__all__ = ["api", "cluster", "kubeconfig", "namespace", "new_namespace", "world"]
