"""Standard output that is not UTF-8: an old locale's, or that of a pipe on Windows."""

import sys
from io import TextIOWrapper

import click


def show_what_can_be_shown() -> None:
    """Let people see a question mark for what their terminal has no sign for; by default that is an error.

    Standard error needs no help: Python writes such signs there by their numbers.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def write_data(text: str) -> None:
    """Write what programs read: whole, and in UTF-8 wherever that is."""
    click.echo(text.encode(), nl=False)
