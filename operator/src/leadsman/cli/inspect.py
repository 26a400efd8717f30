"""`leadsman inspect`: what is known of a model."""

import json

import click

from leadsman.cli.needed import check_installed, told_in_a_sentence
from leadsman.cli.output import write_data

_NEEDED = ("obstore", "oras", "httpx", "tenacity", "onnx", "rich")


@click.command()
@click.argument("uri")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def inspect(uri: str, as_json: bool) -> None:
    """Print what is known of the package, or the bare model in ONNX, at URI.

    URI: as of `pull`. Of a package only the manifest and the baseline are fetched, so that its operators are told only
    when it is in a directory here; a bare model and an archive are fetched whole, to a temporary directory.

    Exits with 75 when the same may work later.
    """
    check_installed("inspect", _NEEDED)
    from leadsman.cli.bars import bars
    from leadsman.cli.inspect_text import document, show
    from leadsman_package.inspecting import inspect as inspect_model

    with told_in_a_sentence(), bars() as progress:
        found = inspect_model(uri, progress=progress)
    if as_json:
        write_data(json.dumps(document(found), indent=1, ensure_ascii=False) + "\n")
    else:
        show(found)
