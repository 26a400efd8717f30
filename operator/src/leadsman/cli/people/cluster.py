"""The cluster as these commands reach it. Whatever goes wrong is a sentence and an exit code."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import click
from kubernetes.aio.config import ConfigException
from pydantic import TypeAdapter, ValidationError

from leadsman.api.fields import ObjectName
from leadsman.cli.plain import plain
from leadsman.cli.policy import InputError
from leadsman.shell.access import Access, access_of_a_person, connect
from leadsman.shell.kube import Kube, KubeClient, KubeError

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])
_NAMES = TypeAdapter(ObjectName)


class FailedError(click.ClickException):
    """It was not done; somebody has to change something."""

    exit_code = 1


class LaterError(click.ClickException):
    """It was not done; the same may work later."""

    exit_code = 75


def object_name(value: str) -> str:
    """Return the name of an object; anything else would be a path to another one. Raises BadParameter."""
    try:
        return _NAMES.validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(
            f"{value!r} is no name of an object; expected a-z, 0-9, '-' and '.', 253 at most"
        ) from error


def cluster_options(command: Command) -> Command:
    """Give a command the options that every command of kubectl has."""
    command = click.option("--context", help="Context of the kubeconfig; by default the current one.")(command)
    namespace = click.option(
        "-n", "--namespace", type=object_name, metavar="NAME", help="Namespace of the model; by default the context's."
    )
    return namespace(command)


def meant(namespace: str | None, context: str | None) -> Access:
    """What the options mean; None is what the kubeconfig says. A command asks once: it acts where it has looked.

    Raises InputError.
    """
    with _reachable():
        access = access_of_a_person(context)
    return access if namespace is None else replace(access, namespace=namespace)


def in_cluster(access: Access, work: Callable[[Kube, str], Awaitable[T]]) -> T:
    """Run what needs the API server and a namespace. Raises FailedError, LaterError and InputError."""

    async def run() -> T:
        async with connect(access) as api:
            return await work(KubeClient(api), access.namespace)

    with _reachable():
        return asyncio.run(run())


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except KubeError as error:
        raise told(error) from error
    except (ConfigException, OSError) as error:
        raise InputError(
            f"no cluster can be reached: {plain(str(error))}; --context names a context of kubectl's"
        ) from error


def told(error: KubeError) -> click.ClickException:
    """What the API server said, in words; LaterError when the same may work later."""
    # What an admission policy says is a sentence of its own; where it stands is for those who write policies.
    said = plain(str(error)).rpartition("denied request: ")[2]
    if not error.status:
        return LaterError(f"the cluster does not answer: {said}")
    if error.status == 401:
        return FailedError(f"the cluster does not know you: {said}; log in as you do for kubectl")
    return LaterError(said) if error.retryable else FailedError(said)
