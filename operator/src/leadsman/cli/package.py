"""`leadsman package`: a model package from an estimator and a sample of its data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leadsman.cli.needed import check_installed, told_in_a_sentence

if TYPE_CHECKING:
    from rich.console import Console

_NEEDED = ("onnxruntime", "onnx", "skl2onnx", "onnxmltools", "sklearn", "pandas", "pyarrow", "rich", "httpx", "orjson")
_FILE = click.Path(path_type=Path, dir_okay=False)
_DISTANCE = click.FloatRange(min=0, max=1e9)
_FIELDS = {"owner": "owner", "description": "description", "licence": "licence", "intended_use": "intendedUse"}
_FIELDS |= {"name": "name", "version": "version", "task": "task"}


def _metrics(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for value in values:
        name, _, number = value.partition("=")
        try:
            metrics[name] = float(number)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no metric; expected NAME=VALUE, such as roc_auc=0.93") from None
    return metrics


def _number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if isnan(value):  # which is in every range
        raise click.BadParameter("nan is no number")
    return value


@click.command(context_settings={"show_default": True})
@click.argument("estimator")
@click.option("--sample", type=_FILE, required=True, help="Rows of what the model takes: CSV, Parquet or npz.")
@click.option("--name", required=True, help="The model's name.")
@click.option("--version", required=True, help="The version of the model, for people.")
@click.option("-o", "--output", "directory", type=click.Path(path_type=Path), required=True, help="A new directory.")
@click.option("--target", help="The sample's column of labels, which is no input.")
@click.option("--task", help="As classification or regression.  [default: what the estimator is]")
@click.option("--owner", help="Who answers for the model.")
@click.option("--description", help="What it does.")
@click.option("--licence", help="An SPDX identifier, such as Apache-2.0.")
@click.option("--intended-use", help="What it is for, and what it is not for.")
@click.option("--metric", "metrics", multiple=True, callback=_metrics, help="NAME=VALUE of an evaluation; repeatable.")
@click.option("--dataset", help="What the model was trained on: a file, whose digest is noted, or a URI.")
@click.option("--manifest", type=_FILE, help="YAML with more fields of the manifest; options go before it.")
@click.option("--mlflow-run", help="https://SERVER/RUN_ID: take over what MLflow knows of the training run.")
@click.option(
    "--absolute-tolerance",
    type=_DISTANCE,
    callback=_number,
    default=1e-5,
    help="How far numbers may be from the original's...",
)
@click.option(
    "--relative-tolerance", type=_DISTANCE, callback=_number, default=1e-4, help="...plus so much of the original's."
)
@click.option(
    "--numbers",
    type=click.Choice(["FP32", "FP64"]),
    default="FP32",
    help="What numbers with a fraction are in ONNX; FP64 is slower, and decides as the original does.",
)
@click.option("--golden", type=click.IntRange(1, 1000), default=20, help="Requests to keep with their answers.")
@click.option("--allow-differences", is_flag=True, help="Make the package even if rows differ; it says how many.")
@click.option("--differences", type=_FILE, help="Write every row that differs to this file, as JSON lines.")
def package(estimator: str, **options: Any) -> None:
    """Make a package of ESTIMATOR that is proven to answer as it does.

    ESTIMATOR is a fitted one of scikit-learn, XGBoost or LightGBM, in a file of joblib or pickle or as module:object;
    or an .onnx file. A pickle is a program: loading one executes it.

    Exits with 1, and makes nothing, when the model cannot be converted, or a row is answered otherwise than before.
    With 75 when the same may work later.
    """
    check_installed("package", _NEEDED)
    from rich.console import Console

    from leadsman_package.authoring.packaging import Order, package
    from leadsman_package.manifest import Tolerance

    console = Console(highlight=False, soft_wrap=True)
    told = _Told(Console(stderr=True, highlight=False, soft_wrap=True))
    with told_in_a_sentence():
        order = Order(
            estimator,
            sample=options["sample"],
            directory=options["directory"],
            says=_says(options),
            target=options["target"],
            tolerance=Tolerance(absolute=options["absolute_tolerance"], relative=options["relative_tolerance"]),
            numbers=options["numbers"],
            golden=options["golden"],
            allow_differences=options["allow_differences"],
        )
        made = package(order, told)
    from leadsman.cli.package_report import report, write_differences

    if options["differences"] and made.comparison:
        write_differences(options["differences"], made.comparison)
    report(console, order, made)
    if made.manifest is None:
        raise SystemExit(1)


def _says(options: dict[str, Any]) -> dict[str, Any]:
    """Return what the author says, as the manifest has it: of the training run, then of the file, then of options."""
    from leadsman_package.authoring import details, mlflow_run
    from leadsman_package.authoring.datasets import describe

    given: dict[str, Any] = {field: options[option] for option, field in _FIELDS.items() if options[option] is not None}
    if options["metrics"]:
        given["evaluation"] = {"metrics": options["metrics"]}
    if options["dataset"]:
        given["training"] = {"dataset": describe(options["dataset"])}
    run = mlflow_run.read(options["mlflow_run"]) if options["mlflow_run"] else {}
    file = details.read(options["manifest"]) if options["manifest"] else {}
    return details.merged(run, file, given)


class _Told:
    """Tells on stderr what goes on: sentences, and bars on a terminal."""

    def __init__(self, console: "Console") -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self._console.print(sentence, markup=False)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar while something goes on."""
        from rich.progress import Progress

        with Progress(console=self._console, transient=True, disable=not self._console.is_terminal) as bars:
            task = bars.add_task(what, total=total)
            yield lambda done: bars.update(task, advance=done)
