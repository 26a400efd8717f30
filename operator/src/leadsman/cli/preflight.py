"""`leadsman preflight` and `leadsman sign`: what a model owes before it serves, on a laptop or in a pipeline."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leadsman.cli.needed import check_installed, told_in_a_sentence
from leadsman_serving.preflight.options import preflight_options

if TYPE_CHECKING:
    from leadsman_serving.preflight.report import Report

_NEEDED = ("onnxruntime", "numpy", "rich", "model_signing")
_COLOURS = {"Pass": "green", "Fail": "bold red", "Warn": "yellow", "Skip": "dim"}


@click.command(context_settings={"show_default": True})
@preflight_options
def preflight(uri: str, **options: Any) -> None:
    """Prove the model at URI as the operator does before it serves: files, signature, loading, memory, answers, speed.

    Exits with 0 when it may serve; 65 when it is rejected; 75 when that could not be decided now.
    """
    check_installed("preflight", _NEEDED)
    from rich.console import Console
    from rich.text import Text

    from leadsman_serving.preflight.command import fly

    console = Console(stderr=str(options["json_file"]) == "-", highlight=False)
    status = console.status("preflight") if console.is_terminal else nullcontext()
    said, reports = "", list["Report"]()
    with status as shown:

        def say(sentence: str) -> None:
            nonlocal said
            said = sentence
            if shown is None:
                click.echo(sentence, err=True)
            else:
                shown.update(Text(sentence))

        code = fly(uri, options, say, reports.append)
    for report in reports:
        _show(console, report)
    if not reports and shown is not None:
        click.echo(said, err=True)
    sys.exit(code)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--private-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Of an elliptic curve (P-256, P-384 or P-521), in PEM.",
)
def sign(directory: Path, private_key: Path) -> None:
    """Sign the package in DIRECTORY: all its files, in DIRECTORY/model.sig, as OpenSSF Model Signing has it.

    Keyless signatures are made by `model_signing sign sigstore`, which asks who you are.
    """
    check_installed("sign", ("model_signing",))
    from leadsman_package.signing import sign as sign_files

    with told_in_a_sentence():
        click.echo(f"signed: {sign_files(directory, private_key)}")


def _show(console: Any, report: "Report") -> None:
    """Print a table on a terminal, and lines elsewhere."""
    from rich.table import Table
    from rich.text import Text

    from leadsman_serving.preflight.text import lines, verdict

    if not console.is_terminal:
        for line in lines(report):
            console.print(line, markup=False, soft_wrap=True)
        return
    table = Table("check", "verdict", "what was found")
    for check in report.checks:
        table.add_row(check.name, Text(check.verdict, style=_COLOURS[check.verdict]), Text(check.message))
    console.print(table)
    console.print(Text(verdict(report), style="bold green" if report.passed else "bold red"))
