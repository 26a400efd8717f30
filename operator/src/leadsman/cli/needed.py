"""What commands need that not every installation has."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import click

from leadsman.cli.policy import InputError


def check_installed(command: str, packages: tuple[str, ...]) -> None:
    """Raise InputError, which says how to get it, when one of the packages that a command needs is not there."""
    for package in packages:
        if find_spec(package) is None:
            raise InputError(
                f"{command} needs {package}, which is not installed; get it with: pip install 'leadsman[package]'"
            )


class _MayPassError(click.ClickException):
    """The same may work later."""

    exit_code = 75


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """End the command with the sentence of a PackageError: 75 when it may pass, else 1."""
    from leadsman_package.errors import PackageError

    try:
        yield
    except PackageError as error:
        raise (_MayPassError if error.transient else click.ClickException)(str(error)) from None
