"""`leadsman simulate`: what would this policy do?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from leadsman.cli.policy import InputError, read_policy

_NEEDED = ("numpy", "rich", "matplotlib")
_RIVALS = ("flagger", "argo")
_LONGEST_HOURS = 168
_MOST = 1e9

_Command = Callable[..., Any]

_SHARE = click.FloatRange(0, 1)
_MILLISECONDS = click.FloatRange(0.5, 5000)


def _rivals(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return the names of other tools, each once."""
    names = dict.fromkeys(part.strip() for part in value.split(",")) if value else {}
    for name in names:
        if name not in _RIVALS:
            raise click.BadParameter(f"{name!r} is no tool that is known; expected {' or '.join(_RIVALS)}")
    return tuple(names)


def _numbers(name: str, metavar: str, example: str, text: str) -> Callable[[_Command], _Command]:
    """Return an option of several numbers with colons between them."""

    def read(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            numbers = tuple(map(float, value.split(":")))
        except ValueError:
            numbers = ()
        if len(numbers) != metavar.count(":") + 1 or not all(0 <= number < _MOST for number in numbers):
            raise click.BadParameter(f"expected {metavar}, such as {example}; got {value!r}")
        return numbers

    return click.option(name, metavar=metavar, callback=read, help=f"{text}, such as {example}.")


def _option(name: str, kind: Any, default: Any, text: str) -> Callable[[_Command], _Command]:
    return click.option(name, type=kind, default=default, show_default=default is not None, help=text)


@click.command()
@click.argument("policy", type=click.Path(path_type=Path))
@_option("--rps", click.FloatRange(0.001, 10_000), 2.0, "Requests a second, of both revisions together.")
@_option("--stable-errors", _SHARE, 0.005, "Share of the stable revision's requests that fail.")
@_option("--candidate-errors", _SHARE, None, "Share of the candidate's; as stable's if not given.")
@_option("--stable-latency-ms", _MILLISECONDS, 20.0, "The stable revision's median latency.")
@_option("--candidate-latency-ms", _MILLISECONDS, None, "The candidate's; as stable's if not given.")
@_option("--clump", click.IntRange(1, 1000), 1, "Errors come so many at once, as with retries.")
@_option("--hours", click.FloatRange(0.01, _LONGEST_HOURS), 2.0, "How long a run may last.")
@_option("--history-hours", click.FloatRange(0, _LONGEST_HOURS), 24.0, "How much of stable's past is known.")
@_option("--daily-cycle", _SHARE, 0.0, "Amplitude of a daily cycle of traffic, as a share of --rps.")
@_numbers("--burst", "FACTOR:SECONDS:EVERY", "5:30:600", "Bursts of traffic")
@_numbers("--outage", "START:SECONDS:RATE", "180:360:0.3", "An outage of both revisions")
@_option("--scrape-failures", _SHARE, 0.0, "Share of looks that see nothing; the next one sees it all.")
@_option("--label-rate", _SHARE, 0.0, "Share of answers that users judge, for the quality check.")
@_option("--label-delay", click.FloatRange(0, 1e6), 0.0, "Seconds until they do.")
@_option("--stable-wrong", _SHARE, 0.1, "Share of the stable revision's answers that they call wrong.")
@_option("--candidate-wrong", _SHARE, None, "Share of the candidate's; as stable's if not given.")
@_option("--stable-top", _SHARE, 0.5, "Share of answers that are the class stable predicts most.")
@_option("--candidate-top", _SHARE, None, "The same class's share of the candidate's; as stable's if not given.")
@_option("--disagreement", _SHARE, 0.0, "Share of copied requests that are answered differently.")
@_option("--candidate-crashes-per-day", click.FloatRange(0, 1e5), 0.0, "Crashes of each of the candidate's pods.")
@_option("--runs", click.IntRange(1, 1_000_000), 1000, "How many rollouts to simulate.")
@_option("--seed", click.IntRange(0), 1, "The same seed gives the same result.")
@click.option(
    "--compare", metavar="TOOL[,TOOL]", callback=_rivals, help="Other tools' rules on the same traffic: flagger, argo."
)
@_option("--chart", click.Path(path_type=Path, dir_okay=False), None, "Draw weights and evidence of some runs (SVG).")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def simulate(policy: Path, **options: Any) -> None:
    """Simulate what the RolloutPolicy in the file POLICY would do, with the operator's own engine.

    By default the candidate is as good as the stable revision. Give it another error rate or latency to see how soon it
    is caught, and what its users have to bear until then.
    """
    spec = read_policy(policy)
    try:
        from leadsman.cli.simulation_run import report
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NEEDED:
            raise
        raise InputError(
            f"simulate needs {package}, which is not installed; get it with: pip install '.[simulate]', in a checkout"
        ) from error
    report(spec, policy, options)
