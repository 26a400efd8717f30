"""What people read of two models: what changed for callers, in quality, in origin, in data, in files, in answers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from leadsman.cli.inspect_text import cells, column_name, counted, grouped, table
from leadsman.cli.plain import plain
from leadsman_package.comparing import Comparison, Field
from leadsman_package.drift import Drift
from leadsman_package.inspecting import Inspection

if TYPE_CHECKING:  # it would load ONNX Runtime
    from leadsman.cli.diff_answers import Answers

_COLOURS = {"alike": "green", "shifted": "yellow", "far apart": "bold red"}
_MOST_LINES = 20
_MOST_CHARACTERS = 200

Two = tuple[Inspection, Inspection]


def document(found: Two, compared: Comparison, answers: "Answers | None") -> dict[str, Any]:
    """Return what changed as JSON has it."""
    told = asdict(compared)
    told["drift"] = [{**asdict(each), "verdict": each.verdict} for each in compared.drift]
    for part in ("metrics", "fields"):
        told[part] = [{**field, "was": _bare(field["was"]), "now": _bare(field["now"])} for field in told[part]]
    return (
        {"one": _named(found[0]), "other": _named(found[1])} | told | {"answers": asdict(answers) if answers else None}
    )


def show(found: Two, compared: Comparison, answers: "Answers | None") -> None:
    """Print what changed."""
    console = Console(highlight=False)
    for name, each in zip(("from", "to"), found, strict=True):
        console.print(
            Text.assemble((f"{name:6}", "dim"), plain(_title(each)), (f"  {each.digest}", "dim")), soft_wrap=True
        )
    if compared.same:
        console.print("They are the same, to the last bit.")
        return
    _told(console, "For callers", _signature(compared), "nothing changed")
    _told(console, "Metrics", map(_metric, compared.metrics), "nothing changed")
    _told(console, "Origin", map(_field, compared.fields), "nothing changed")
    _drift(console, compared.drift)
    _told(console, "Files", _files(compared.files), "nothing changed")
    if answers is not None:
        _told(console, "Answers", _answers(answers), "")


def _title(each: Inspection) -> str:
    return f"{each.manifest.name} {each.manifest.version}" if each.manifest else "a model without a package"


def _named(each: Inspection) -> dict[str, str | None]:
    manifest = each.manifest
    return {
        "name": manifest.name if manifest else None,
        "version": manifest.version if manifest else None,
        "digest": each.digest,
    }


def _bare(value: object) -> object:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _told(console: Console, title: str, lines: Iterable[Text], nothing: str) -> None:
    told = list(lines)
    console.print()
    console.print(Text(title, style="bold"))
    for line in told[:_MOST_LINES] or [Text(nothing, style="dim")]:
        console.print(Text("  ") + line, soft_wrap=True)
    if len(told) > _MOST_LINES:
        console.print(f"  and {len(told) - _MOST_LINES} more; --json has them all")


def _signature(compared: Comparison) -> Iterator[Text]:
    if compared.signature is None:
        yield Text("cannot be told, as one of them has inputs or outputs that no request can carry", style="yellow")
        return
    for change in compared.signature:
        yield Text.assemble(("breaks them: ", "bold red") if change.breaking else "", plain(str(change)))


def _metric(field: Field) -> Text:
    if isinstance(field.was, float) and isinstance(field.now, float):
        return Text(plain(f"{field.name} {field.was:g} → {field.now:g} ({field.now - field.was:+.4g})"))
    return _field(field)


def _field(field: Field) -> Text:
    was, now = (_brief(value) for value in (field.was, field.now))
    if field.was is None:
        return Text(plain(f"{field.name} {now}, which was not said"))
    if field.now is None:
        return Text(plain(f"{field.name} is no longer said; it was {was}"))
    return Text(plain(f"{field.name} {was} → {now}"))


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _files(fields: tuple[Field, ...]) -> Iterator[Text]:
    for name, files in grouped(fields, lambda field: field.name).items():
        said = Counter("came" if each.was is None else "gone" if each.now is None else "changed" for each in files)
        told = ", ".join(what if len(files) == 1 else f"{count} {what}" for what, count in said.items())
        yield Text(plain(f"{name} {told}"))


def _drift(console: Console, found: tuple[Drift, ...]) -> None:
    if not found:
        return
    drawn = table("data", "distance", "by chance", "mean", "missing", "in words")
    for each in found:
        means = " → ".join("" if mean is None else f"{mean:.4g}" for mean in each.mean).strip(" →")
        missing = f"{each.missing[0]:.1%} → {each.missing[1]:.1%}" if any(each.missing) else ""
        name = column_name(each.side == "output", each.tensor, each.feature)
        *texts, _ = cells(name, f"{each.index:.3f}", f"≤ {each.by_chance:.3f}", means, missing, "")
        drawn.add_row(*texts, Text(each.verdict, style=_COLOURS[each.verdict]))
    console.print()
    console.print(drawn)


def _answers(answers: "Answers") -> Iterator[Text]:
    if not answers.requests:
        yield Text("neither has golden requests to ask", style="yellow")
        return
    share = f" ({answers.agreeing / answers.rows:.1%})" if answers.rows else ""
    asked = counted(answers.requests, "golden request")
    yield Text(f"{answers.agreeing} of {counted(answers.rows, 'row')} agree{share}, in {asked} of both")
    for told in answers.refused:
        yield Text(plain(f"{told.request}: {told.what}"), style="red")
    for told in answers.differences:
        yield Text(plain(f"{told.request}: {told.what}"))
