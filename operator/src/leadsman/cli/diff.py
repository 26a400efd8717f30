"""`leadsman diff`: what changed between two models."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadsman.cli.needed import check_installed, told_in_a_sentence
from leadsman.cli.output import write_data

if TYPE_CHECKING:
    from leadsman.cli.diff_answers import Answers
    from leadsman_package.inspecting import Inspection
    from leadsman_package.progress import Progress

_NEEDED = ("obstore", "oras", "httpx", "tenacity", "onnx", "rich")
_NEEDED_FOR_ANSWERS = ("onnxruntime", "numpy", "orjson")


@click.command()
@click.argument("one")
@click.argument("other")
@click.option("--answers", "ask", is_flag=True, help="Fetch both, and ask each the other's golden requests.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def diff(one: str, other: str, ask: bool, as_json: bool) -> None:
    """Print what changed from the model at ONE to the model at OTHER, which are URIs as of `pull`.

    That is what callers notice, with what breaks them first; metrics; where it comes from; how far the data of the
    baselines are apart; files; and, when asked for, answers.

    Exits with 0 whatever has changed; with 75 when the same may work later.
    """
    check_installed("diff", _NEEDED + (_NEEDED_FOR_ANSWERS if ask else ()))
    from leadsman.cli.bars import bars
    from leadsman.cli.diff_text import document, show
    from leadsman_package.comparing import compare
    from leadsman_package.inspecting import inspect

    answers = None
    with told_in_a_sentence(), bars() as progress:
        if ask:
            found, answers = _asked(one, other, progress)
        else:
            found = (inspect(one, progress=progress), inspect(other, progress=progress))
        compared = compare(*found)
    if as_json:
        write_data(json.dumps(document(found, compared, answers), indent=1, ensure_ascii=False) + "\n")
    else:
        show(found, compared, answers)


def _asked(one: str, other: str, progress: "Progress") -> "tuple[tuple[Inspection, Inspection], Answers]":
    """Fetch both models, and return what is known of them, and how they answer."""
    from leadsman.cli.diff_answers import answers
    from leadsman_package.inspecting import inspect_directory
    from leadsman_package.pulling import pull

    with tempfile.TemporaryDirectory(prefix="leadsman-") as name:
        directories = (Path(name) / "one", Path(name) / "other")
        for uri, directory in zip((one, other), directories, strict=True):
            pull(uri, directory, progress=progress)
        first, second = (inspect_directory(each, uri) for each, uri in zip(directories, (one, other), strict=True))
        return (first, second), answers(*directories)
