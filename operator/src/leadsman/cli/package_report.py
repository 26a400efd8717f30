"""What `leadsman package` tells at its end: what the package is, or which rows kept it from being made."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from leadsman_package.authoring.packaging import Made, Order
from leadsman_package.authoring.parity import Comparison, Difference, words

_MOST = 50
"""Rows that are printed."""


def report(console: Console, order: Order, made: Made) -> None:
    """Print the outcome."""
    if made.comparison:
        _compared(console, order, made, made.comparison)
    if made.manifest is None:
        return
    for name, value in _facts(order, made):
        console.print(Text.assemble((f"{name:17}", "bold"), value))


def write_differences(path: Path, comparison: Comparison) -> None:
    """Write every row that differs as a line of JSON. Raises ClickException when there is no such place."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(_document(each), ensure_ascii=False)}\n" for each in comparison.differences)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _document(each: Difference) -> dict[str, Any]:
    return {"row": each.row, "inputs": each.inputs, "original": each.expected, "onnx": each.found}


def _compared(console: Console, order: Order, made: Made, comparison: Comparison) -> None:
    parity = comparison.parity
    for sentence in made.probed.sentences if made.probed and made.manifest else ():
        console.print(Text(f"{sentence}.", style="yellow"))
    if made.unproven:
        names = ", ".join(made.unproven)
        console.print(Text(f"Left out: {names}, as the original gives nothing to compare with.", style="yellow"))
    if not parity.differing:
        largest = (
            "" if parity.largest_difference is None else f"; the largest difference is {parity.largest_difference}"
        )
        console.print(Text(f"All {parity.rows} rows are answered as by the original{largest}.", style="green"))
        if parity.probe_rows and not parity.probes_differing:
            told = f"So are {parity.probe_rows} probe rows, the sample's with missing values and zeros put in."
            console.print(Text(told, style="green"))
        return
    for each in comparison.differences[:_MOST]:
        console.print(Text.assemble((f"row {each.row}", "bold"), f": {words(each.inputs)}"))
        console.print(Text(f"  original  {words(each.expected)}"))
        console.print(Text(f"  in ONNX   {words(each.found)}"))
    if parity.differing > _MOST:
        console.print(f"and {parity.differing - _MOST} more rows; --differences FILE writes them all")
    tolerance = parity.tolerance
    console.print(
        Text(
            f"{parity.differing} of {parity.rows} rows are answered otherwise than by the original "
            f"(numbers by more than {tolerance.absolute:g} + {tolerance.relative:g} x the original's).",
            style="bold red",
        )
    )
    if made.manifest is None:
        console.print(f"No package was made. {_advice(order, comparison)}")


def _advice(order: Order, comparison: Comparison) -> str:
    allow = "If the differences do not matter, --allow-differences makes it all the same."
    if order.numbers == "FP64" or not any(map(_has_fractions, comparison.differences[0].inputs.values())):
        return allow
    bounds = "Trees and others that decide at a bound differ where rounding to FP32 crosses it: try --numbers FP64."
    return f"{bounds} {allow}"


def _has_fractions(value: Any) -> bool:
    return any(isinstance(each, float) for each in (value if isinstance(value, list) else [value]))


def _facts(order: Order, made: Made) -> list[tuple[str, str]]:
    manifest = made.manifest
    assert manifest is not None
    signature, golden = manifest.signature, manifest.golden
    size = sum(file.size for file in manifest.files)
    return [
        ("package", str(order.directory)),
        ("digest", str(made.digest)),
        ("model", f"{manifest.name} {manifest.version}" + (f", {manifest.task}" if manifest.task else "")),
        ("takes", ", ".join(f"{each.name} {each.datatype} {[*each.shape]}" for each in signature.inputs)),
        ("gives", ", ".join(f"{each.name} {each.datatype} {[*each.shape]}" for each in signature.outputs)),
        ("golden requests", str(len(golden.requests) if golden else 0)),
        ("files", f"{len(manifest.files)}, {size:,} bytes"),
    ]
