"""The light cluster's fixtures, for the tests of this directory."""

from apiserver.fixtures import api, cluster, kubeconfig, namespace, new_namespace, world
from apiserver.running import chart_account, settings

__all__ = ["api", "chart_account", "cluster", "kubeconfig", "namespace", "new_namespace", "settings", "world"]
