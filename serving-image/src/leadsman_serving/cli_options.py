"""What several commands make of the same options."""

import os
import re

import click

from leadsman_serving.cgroup import Cgroups
from leadsman_serving.providers import parse_providers
from leadsman_serving.threads import Threads, choose_threads

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def threads_option(_: click.Context, __: click.Parameter, value: int | None) -> Threads:
    """Return how many threads to compute with."""
    return choose_threads(value, Cgroups().cpus(), len(os.sched_getaffinity(0)))


def providers_option(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the execution providers that a text lists."""
    try:
        return parse_providers(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def digest_option(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return the digest when it is one."""
    if value is not None and not _DIGEST.fullmatch(value):
        raise click.BadParameter(f"{value!r} must be 'sha256:' and 64 lower-case hexadecimal digits")
    return value
