"""Which cluster is meant, and as whom: by a context of the kubeconfig, or by the pod's ServiceAccount."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException, incluster_config
from kubernetes.aio.config.kube_config import ConfigNode, KubeConfigMerger

_NAMESPACE = "default"


@dataclass(frozen=True)
class Access:
    """A cluster and a namespace. They stay the same when the kubeconfig changes after it was read."""

    namespace: str
    load: Callable[[client.Configuration], Awaitable[None]]
    """Say how to reach the cluster, with a token of now. Raises ConfigException."""


def access_of_a_person(context: str | None = None) -> Access:
    """What kubectl would speak to: the kubeconfig's context, by default the current one; without one the pod's cluster.

    Raises ConfigException and OSError.
    """
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path):
        return _by_kubeconfig(paths, context)
    if context is not None:
        raise ConfigException(f"the kubeconfig has no context {context}; there is no file {paths}")
    try:
        return _by_service_account()
    except ConfigException as error:
        raise ConfigException(f"there is no kubeconfig {paths}, and this is no pod: {error}") from error


def access_of_the_operator() -> Access:
    """The pod's own cluster; outside of one what a person would speak to. Raises ConfigException and OSError."""
    try:
        return _by_service_account()
    except ConfigException:
        return access_of_a_person()


@asynccontextmanager
async def connect(access: Access) -> AsyncIterator[client.ApiClient]:
    """A connection to the cluster. Raises ConfigException and OSError."""
    configuration = client.Configuration()
    await access.load(configuration)
    async with client.ApiClient(configuration) as api:
        yield api


def _by_kubeconfig(paths: str, context: str | None) -> Access:
    with _understood(paths):
        merged = KubeConfigMerger(paths)  # type: ignore[no-untyped-call]
        chosen = context if context is not None else _current(merged)
        found = _context(merged.config, chosen)

    async def load(configuration: client.Configuration) -> None:
        with _understood(paths):
            await config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                merged.config, context=chosen, client_configuration=configuration
            )

    return Access(str(found.safe_get("namespace") or _NAMESPACE), load)  # type: ignore[no-untyped-call]


def _current(merged: KubeConfigMerger) -> str:
    """The first file that names one holds, as for kubectl; the library takes the last."""
    named = (file.get("current-context") for file in merged.config_files.values())
    current = next((str(name) for name in named if name), None)
    if current is None:
        raise ConfigException("the kubeconfig has no current context; name one with --context")
    return current


def _context(merged: ConfigNode, name: str) -> ConfigNode:
    contexts = merged["contexts"]
    if (found := contexts.get_with_name(name, safe=True)) is None:
        names = ", ".join(str(one["name"]) for one in contexts.value) or "none"
        raise ConfigException(f"the kubeconfig has no context {name}; it has {names}")
    context: ConfigNode = found["context"]
    return context


@contextmanager
def _understood(paths: str) -> Iterator[None]:
    """The library trips over what is no kubeconfig in many ways."""
    try:
        yield
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigException(f"{paths} cannot be understood as a kubeconfig: {error}") from error
    except (TypeError, LookupError, AttributeError) as error:
        raise ConfigException(
            f"{paths} cannot be understood as a kubeconfig; expected what `kubectl config view` prints"
        ) from error


def _by_service_account() -> Access:
    async def load(configuration: client.Configuration) -> None:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]

    config.load_incluster_config(client_configuration=client.Configuration())  # type: ignore[no-untyped-call]
    file = Path(incluster_config.SERVICE_TOKEN_FILENAME).with_name("namespace")
    namespace = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    return Access(namespace or _NAMESPACE, load)
