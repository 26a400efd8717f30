"""The options of preflight, which `leadsman-serving preflight` and `leadsman preflight` have alike."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from leadsman_serving.cgroup import Cgroups
from leadsman_serving.cli_options import digest_option, providers_option, threads_option

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_RATIO = click.FloatRange(min=0, min_open=True)


def _memory_limit(_: click.Context, __: click.Parameter, value: int | None) -> int | None:
    return Cgroups().memory() if value is None else value


def _whole(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """An identity means nothing without who confirmed it."""
    other = {"identity": "issuer", "issuer": "identity"}[parameter.name or ""]
    if other in context.params and (value is None) != (context.params[other] is None):
        raise click.UsageError("--identity and --issuer go together: who signed, and who confirmed that")
    if value is not None and context.params.get("public_key") is not None:
        raise click.UsageError("give --public-key, or --identity and --issuer: a signature is by one of them")
    return value


def _scratch() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise click.UsageError("there is no directory to write temporary files to; give --scratch") from None


_OPTIONS = (
    click.option("--digest", callback=digest_option, help="Refuse any other bytes; sha256:<64 hex digits>."),
    click.option("--against", metavar="URI", help="The stable model, to compare with."),
    click.option("--against-digest", callback=digest_option, help="Of the stable model."),
    click.option("--allow-signature-change", is_flag=True, help="Callers of the stable model may have to change."),
    click.option(
        "--agreement-at-least", type=click.FloatRange(0, 1), help="Share of rows that both must answer alike."
    ),
    click.option("--latency-ratio", type=_RATIO, help="Most times stable's time that a run may take, in the median."),
    click.option(
        "--max-latency", type=_RATIO, metavar="MS", help="Most milliseconds of a run of one row, in the median."
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), callback=threads_option, help="As of `leadsman-serving serve`."
    ),
    click.option("--providers", default="cpu", callback=providers_option, help="As of `leadsman-serving serve`."),
    click.option(
        "--memory-limit",
        type=click.IntRange(min=1),
        metavar="BYTES",
        callback=_memory_limit,
        help="What the model may need.  [default: the control group's]",
    ),
    click.option("--max-batch-size", type=click.IntRange(1, 1024), default=64, help="Rows of the largest batch."),
    click.option("--max-body-bytes", type=click.IntRange(min=1), default=64 << 20, help="Of a request, and an answer."),
    click.option("--timeout", type=_RATIO, default=60.0, help="Seconds that a request may take."),
    click.option(
        "--schema",
        type=click.Choice(["count", "reject"]),
        default="count",
        help="As of `leadsman-serving serve`: its own requests must not be refused either.",
    ),
    click.option("--public-key", type=_FILE, is_eager=True, help="Whose signature is asked for; PEM."),
    click.option("--identity", callback=_whole, help="Who has to have signed without a key: e-mail address or URI."),
    click.option("--issuer", callback=_whole, help="The OpenID issuer that confirmed the identity."),
    click.option("--trust-config", type=_FILE, help="Of a private Sigstore.  [default: the public one's]"),
    click.option("--require-signature", is_flag=True, help="Reject a model without a signature."),
    click.option("--json", "json_file", type=_OUT, help="Write the report as JSON; '-' is standard output."),
    click.option("--junit", "junit_file", type=_OUT, help="Write the report as JUnit's XML."),
    click.option("--deadline", type=_RATIO, default=600.0, help="Seconds that all of it may take."),
    click.option(
        "--scratch",
        type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
        default=_scratch,
        show_default="$TMPDIR or /tmp",
        help="Directory for files meanwhile: twice the size of the models.",
    ),
)


def preflight_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument URI and all options to a command."""
    for option in reversed((click.argument("uri"), *_OPTIONS)):
        function = option(function)
    return function
