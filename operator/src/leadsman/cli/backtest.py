"""`leadsman backtest`: what would this policy have done?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from leadsman.api.fields import parse_duration
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.cli.output import write_data
from leadsman.cli.policy import InputError, read_policy
from leadsman.core.backtest import Fate, Finding, Release, countable, find, judge, releases


@dataclass(frozen=True)
class _Options:
    """Where the past comes from, and how the result is printed; the command's options say what each is."""

    files: tuple[Path, ...]
    namespace: str | None
    everywhere: bool
    model: str | None
    url: str | None
    token_file: Path | None
    step: timedelta
    as_json: bool


def _duration(_: click.Context, __: click.Parameter, value: str) -> timedelta:
    try:
        duration = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if duration < timedelta(seconds=1):
        raise click.BadParameter(f"expected 1s at least, got {value}")
    return duration


@click.command()
@click.argument("policy", type=click.Path(path_type=Path))
@click.option(
    "--file",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="ModelRevisions as `kubectl get mrev -A -o yaml` prints them, not those of the cluster. May be repeated.",
)
@click.option("-n", "--namespace", help="Namespace to read; by default the current context's.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Read all namespaces.")
@click.option("--model", help="Look at the releases of this ModelDeployment only.")
@click.option("--prometheus", "url", help="URL of a Prometheus server: take raw counters from it, not recordings.")
@click.option(
    "--prometheus-token-file", "token_file", type=click.Path(path_type=Path), help="Holds a bearer token for it."
)
@click.option(
    "--step", callback=_duration, default="15s", show_default=True, help="How far apart to ask it for counters."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backtest(policy: Path, **given: Any) -> None:
    """Say what POLICY, a RolloutPolicy in a file, would have done with the releases of the past.

    The releases are those that ModelRevisions tell of, in the current kubeconfig context or in files. What each saw is
    replayed from the recording on its ModelRevision, or from the raw counters that a Prometheus server has kept. The
    cluster is only read. docs/backtest.md says what can be known that way, and what cannot.
    """
    from leadsman.cli import backtest_report

    options = _Options(**given)
    spec = read_policy(policy)
    found, problems = releases(_records(options))
    if options.url:
        server = options.url.rstrip("/")
        findings = asyncio.run(_by_counters(found, spec, server, options))
    else:
        findings = [find(release, spec) for release in found]
    report = backtest_report.Report(policy.stem, spec, findings, problems, by_counters=options.url is not None)
    if options.as_json:
        write_data(backtest_report.as_json(report))
    else:
        click.echo(backtest_report.as_text(report), nl=False)


def _records(options: _Options) -> list[dict[str, Any]]:
    """Return the raw ModelRevisions. Raises InputError."""
    from leadsman.cli.records import records_of_cluster, records_of_files

    if not options.files:
        return records_of_cluster(options.namespace, everywhere=options.everywhere, model=options.model)
    if options.namespace or options.everywhere:
        raise InputError("--file reads files and --namespace a cluster; give one of them")
    return records_of_files(options.files, options.model)


async def _by_counters(
    found: Sequence[Release], policy: RolloutPolicySpec, url: str, options: _Options
) -> list[Finding]:
    """Judge each release by the counters that a Prometheus server has kept. Raises InputError."""
    import httpx

    from leadsman.shell.download import ReadError
    from leadsman.shell.past_counters import recording_of
    from leadsman.shell.prometheus import PrometheusServer

    server = PrometheusServer(url, options.token_file)
    judged, notes = countable(policy)
    if judged is None:
        return [Finding(release, Fate.UNKNOWN, "; ".join(notes)) for release in found]
    findings = []
    try:
        async with httpx.AsyncClient() as http:
            for release in found:
                recording = await recording_of(http, server, release, judged, options.step.total_seconds())
                findings.append(
                    Finding(release, Fate.UNKNOWN, "the Prometheus server has no counters of it")
                    if recording is None
                    else judge(release, recording, judged, notes)
                )
    except ReadError as error:
        raise InputError(f"no counters could be read from Prometheus: {error}") from error
    return findings
