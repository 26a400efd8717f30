"""What people read of a model: its manifest, its signature as tables, what its data looked like as histograms."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadsman.cli.plain import plain
from leadsman_package.baseline import Baseline, Column, Histogram
from leadsman_package.drift import density
from leadsman_package.inspecting import Inspection
from leadsman_package.manifest import Dimension, Feature, Input, Manifest, Output, Rules, Signature
from leadsman_package.summary import Summary

_BLOCKS = "▁▂▃▄▅▆▇█"
_NOTHING = " "
_BINS = 16
_MOST_ROWS = 200
"""Of a table: models of text have thousands of features."""
_MOST_VALUES = 6
_MANY = 3
"""Files of a directory that are told one by one."""
_SHORT = len("sha256:") + 12
_MIB = 1 << 20


Thing = TypeVar("Thing")


def document(found: Inspection) -> dict[str, Any]:
    """Return what is known as JSON has it."""
    summary = found.summary
    told: dict[str, Any] = {"kind": found.kind, "digest": found.digest}
    told |= {"manifest": _json(found.manifest)} if found.manifest else {"signature": _json(found.signature)}
    told |= {"baseline": _json(found.baseline), "files": [_json(file) for file in found.files]}
    return told | {"onnx": {**asdict(summary), "signature": _json(summary.signature)} if summary else None}


def show(found: Inspection) -> None:
    """Print what is known."""
    console = Console(highlight=False)
    title = f"{found.manifest.name} {found.manifest.version}" if found.manifest else "a model without a package"
    console.print(Text(plain(title), style="bold"))
    for name, value in _facts(found):
        console.print(Text.assemble((f"{name:14}", "dim"), plain(value)), soft_wrap=True)
    if found.signature:
        _print(console, _signature(found.signature))
    elif found.summary:
        console.print(Text(plain(f"It cannot be served: {found.summary.unfit}."), style="red"), soft_wrap=True)
    if found.manifest and found.manifest.evaluation:
        _print(console, _metrics(found.manifest.evaluation.metrics))
    if found.baseline:
        _print(console, _baseline(found.baseline))
    if found.summary:
        _print(console, _operators(found.summary))
    _print(console, _files(found))


def spark(shares: tuple[float, ...]) -> str:
    """Return shares as a row of characters, the tallest for the largest."""
    most = max(shares, default=0.0)
    if not most:
        return ""
    return "".join(_BLOCKS[min(int(share / most * 8), 7)] if share > most / 100 else _NOTHING for share in shares)


def counted(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def spoken_size(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / _MIB:,.1f} MiB" if size >= _MIB else f"{size:,} bytes"


def column_name(is_output: bool, tensor: str, feature: str | None) -> str:
    """Return what to call a feature, an output, or a label of one."""
    return f"→ {tensor} {feature or ''}".rstrip() if is_output else feature or tensor


def shape(dimensions: tuple[Dimension, ...]) -> str:
    """Return a shape as people write it."""
    return f"[{', '.join('any' if one == -1 else str(one) for one in dimensions)}]"


def _json(part: Any) -> Any:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True) if part is not None else None


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "digest", found.digest
    if found.manifest:
        yield from _said(found.manifest)
    if found.summary:
        opsets = ", ".join(f"{domain} {version}" for domain, version in found.summary.opsets.items())
        yield "ONNX", f"opset {opsets}; IR {found.summary.ir_version}; {found.summary.numbers:,} numbers in it"
        yield "made by", found.summary.producer or "unknown"


def _said(manifest: Manifest) -> Iterator[tuple[str, str]]:
    told = {
        "task": manifest.task,
        "description": manifest.description,
        "owner": manifest.owner,
        "licence": manifest.licence,
        "intended use": manifest.intended_use,
    }
    yield from ((name, value) for name, value in told.items() if value)
    yield from _training(manifest)
    parity = manifest.parity
    if parity:
        off = "" if parity.largest_difference is None else f"; the largest difference is {parity.largest_difference:g}"
        yield "parity", f"{parity.rows - parity.differing} of {parity.rows} rows answered as by the original{off}"
        if parity.probe_rows and parity.probes_differing:
            yield "", f"{parity.probes_differing} of {parity.probe_rows} with missing values or zeros put in are not"
    if manifest.golden:
        tolerance = manifest.golden.tolerance
        apart = f"numbers may differ by {tolerance.absolute:g} + {tolerance.relative:g} x the expected one"
        yield "golden", f"{counted(len(manifest.golden.requests), 'request')} with answers; {apart}"


def _training(manifest: Manifest) -> Iterator[tuple[str, str]]:
    training = manifest.training
    if training is None:
        return
    kind = " ".join(filter(None, (training.framework, training.estimator)))
    data = training.dataset
    rows = f"{data.rows:,} rows" if data and data.rows is not None else None
    told = {
        "trained": training.trained_at.isoformat() if training.trained_at else None,
        "as": kind or None,
        "by run": training.run,
        "from commit": training.source_commit,
        "on": ", ".join(filter(None, (data.name, data.uri, rows, data.digest))) if data else None,
        "with": ", ".join(f"{name} {version}" for name, version in (training.packages or {}).items()) or None,
    }
    yield from ((name, value) for name, value in told.items() if value)


def _signature(signature: Signature) -> Table:
    drawn = table("takes and gives", "datatype", "shape", "values", "unit", "missing")
    for one in signature.inputs:
        _input(drawn, one)
    for output in signature.outputs:
        drawn.add_row(
            *cells(f"→ {output.name}", output.datatype, shape(output.shape), _labels(output), output.unit or "")
        )
    return drawn


def _input(drawn: Table, one: Input) -> None:
    drawn.add_row(*cells(one.name, one.datatype, shape(one.shape), *_rules(one)))
    features: tuple[Feature, ...] = one.features or ()
    for feature in features[:_MOST_ROWS]:
        drawn.add_row(*cells(f"  {feature.name}", "", "", *_rules(feature)))
    if len(features) > _MOST_ROWS:
        drawn.add_row(Text(f"  and {len(features) - _MOST_ROWS} more"))


def _rules(rules: Rules) -> tuple[str, str, str]:
    return _values(rules), rules.unit or "", rules.missing or ""


def _values(rules: Rules) -> str:
    if rules.categories is not None:
        return _listed(rules.categories)
    known = rules.range
    return (
        f"{'' if known.min is None else f'{known.min:g}'}..{'' if known.max is None else f'{known.max:g}'}"
        if known
        else ""
    )


def _labels(output: Output) -> str:
    return _listed(output.labels) if output.labels else ""


def _listed(values: tuple[Any, ...]) -> str:
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(map(str, values[:_MOST_VALUES])) + more


def _metrics(metrics: dict[str, float]) -> Table:
    drawn = table("evaluated", "")
    for name, value in metrics.items():
        drawn.add_row(*cells(name, f"{value:g}"))
    return drawn


def _baseline(baseline: Baseline) -> Table:
    drawn = table(f"in {baseline.rows:,} rows", "least", "values", "most", "mean", "missing")
    for is_output, columns in ((False, baseline.inputs), (True, baseline.outputs)):
        for column in columns[:_MOST_ROWS]:
            drawn.add_row(*cells(column_name(is_output, column.tensor, column.feature), *_looks(column)))
        if len(columns) > _MOST_ROWS:
            drawn.add_row(Text(f"and {len(columns) - _MOST_ROWS} more"))
    return drawn


def _looks(column: Column) -> tuple[str, ...]:
    missing = f"{column.missing / column.values:.1%}" if column.missing else ""
    mean = "" if column.mean is None else f"{column.mean:.4g}"
    if column.histogram and _is_listed(column.histogram):
        return "", _listed(tuple(_shares(column.histogram))), "", mean, missing
    if column.histogram:
        edges = column.histogram.edges
        return f"{edges[0]:.4g}", spark(density(column.histogram, _BINS)), f"{edges[-1]:.4g}", mean, missing
    counts = column.categories or {}
    total = sum(counts.values()) + (column.other or 0)
    shares = [f"{name} {count / total:.0%}" for name, count in counts.items()] if total else []
    return "", _listed(tuple(shares)), "", mean, missing


def _is_listed(histogram: Histogram) -> bool:
    """Whether there are so few values that each bin is one."""
    return len(histogram.counts) <= _MOST_VALUES and histogram.edges[-1] == histogram.edges[-2]


def _shares(histogram: Histogram) -> Iterator[str]:
    total = sum(histogram.counts)
    for value, count in zip(histogram.edges, histogram.counts, strict=False):
        yield f"{value:g} {count / total:.0%}" if total else f"{value:g}"


def _operators(summary: Summary) -> Table:
    drawn = table("operator", "times")
    for name, count in summary.operators.items():
        drawn.add_row(*cells(name, str(count)))
    return drawn


def _files(found: Inspection) -> Table:
    drawn = table("file", "size", "digest (--json has all of it)")
    for name, files in grouped(found.files, lambda file: file.path).items():
        size = spoken_size(sum(file.size for file in files))
        drawn.add_row(*cells(name, size, files[0].digest[:_SHORT] if len(files) == 1 else ""))
    drawn.add_section()
    drawn.add_row(*cells(counted(len(found.files), "file"), spoken_size(sum(file.size for file in found.files))))
    return drawn


def grouped(files: Sequence[Thing], path: Callable[[Thing], str]) -> dict[str, list[Thing]]:
    """Return files by what to call them: those of a directory of many are one."""
    sizes = Counter(path(file).partition("/")[0] for file in files if "/" in path(file))
    groups: dict[str, list[Thing]] = {}
    for file in files:
        name = path(file)
        directory = name.partition("/")[0]
        if sizes[directory] > _MANY:
            name = f"{directory}/ ({counted(sizes[directory], 'file')})"
        groups.setdefault(name, []).append(file)
    return groups


def table(*columns: str) -> Table:
    """Return a table without rows."""
    drawn = Table()
    for column in columns:
        drawn.add_column(column, overflow="fold")
    return drawn


def cells(*texts: str) -> tuple[Text, ...]:
    """Return cells whose text is taken as it is, whatever brackets it has."""
    return tuple(Text(plain(text)) for text in texts)


def _print(console: Console, drawn: Table) -> None:
    console.print()
    console.print(drawn)
