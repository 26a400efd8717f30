"""`leadsman watch`: the status as it changes, on a terminal; elsewhere a line for every decision."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from leadsman.api.conditions import Condition
from leadsman.api.status import Phase
from leadsman.cli.people.cluster import FailedError, cluster_options, in_cluster, meant, object_name
from leadsman.cli.people.drawing import moment
from leadsman.cli.people.history_text import entries
from leadsman.cli.people.status_text import status_text
from leadsman.cli.people.view import View, look, read_deployment
from leadsman.cli.plain import plain
from leadsman.shell.kube import Kube, KubeError

_LOOK_SECONDS = 1.0
_DECISIONS = 8
_COLOURS = {
    "green": r"\b(Pass|Promoted|Approved)\b|✓",
    "red": r"\b(Fail|RolledBack|Rejected|Aborted|Stalled|Refused|[A-Za-z]+Failed)\b",
    "yellow": r"\b(Collecting|Held|Paused|Blind|Skewed)\b",
    "bold": r"\A[^\n]*|^(CHECK|DECIDED) .*$|▶.*$",
}


@click.command()
@click.argument("name", type=object_name)
@click.option("--until-done", is_flag=True, help="End when the rollout is over: 0 when it is out, 1 when it is not.")
@cluster_options
def watch(name: str, until_done: bool, namespace: str | None, context: str | None) -> None:
    """Show the rollout of the model NAME as it goes on, until Ctrl-C.

    Weights, evidence as bars with the time it is likely to take yet, and decisions. Where the output is no terminal, a
    line is written for every decision.
    """
    console = Console(highlight=False)

    async def follow(kube: Kube, where: str) -> None:
        await (_live if console.is_terminal else _lines)(console, _looks(kube, where, name, until_done))

    try:
        in_cluster(meant(namespace, context), follow)
    except KeyboardInterrupt:
        return


async def _looks(kube: Kube, namespace: str, name: str, until_done: bool) -> AsyncIterator[tuple[View, str]]:
    """Yield what is to be seen, and why it may be old. Records are long, and read anew with every decision only."""
    view = await look(kube, namespace, name)
    trouble = ""
    while True:
        yield view, trouble
        if until_done and (end := ended(view)) is not None:
            if end:
                raise FailedError(end)
            return
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            view, trouble = await _again(kube, namespace, view), ""
        except KubeError as error:
            if not error.retryable:
                raise
            trouble = plain(str(error))


async def _again(kube: Kube, namespace: str, view: View) -> View:
    deployment = await read_deployment(kube, namespace, view.name)
    if deployment.status.rollout.decisions != view.rollout.decisions:
        return await look(kube, namespace, view.name)
    return View(deployment, view.revisions, view.actions)


def ended(view: View) -> str | None:
    """Return why the newest spec is not out; empty when it is, None while that is not decided."""
    status = view.deployment.status
    if status.observed_generation != view.deployment.metadata.generation:
        return None
    conditions = {one.type: one for one in status.conditions}
    if _holds(conditions.get("Ready")):
        return ""
    if view.rollout.phase is Phase.ROLLED_BACK or _holds(conditions.get("Stalled")):
        said = conditions.get("Ready") or conditions.get("Stalled")
        return plain(f"{view.name} is not out: {said.message if said else 'it was taken back'}")
    return None


def _holds(condition: Condition | None) -> bool:
    return condition is not None and condition.status == "True"


async def _live(console: Console, looks: AsyncIterator[tuple[View, str]]) -> None:
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        async for view, trouble in looks:
            live.update(_coloured(status_text(view, _now(), _DECISIONS), trouble), refresh=True)


async def _lines(console: Console, looks: AsyncIterator[tuple[View, str]]) -> None:
    told: set[tuple[str, str]] = set()
    async for view, _ in looks:
        for entry in entries(view):
            line = (moment(entry.at), f"{entry.what} {entry.message}")
            if line not in told:
                told.add(line)
                console.print(plain("  ".join(line)), markup=False, soft_wrap=True)


def _coloured(text: str, trouble: str) -> Text:
    drawn = Text(text, no_wrap=True, overflow="ellipsis")
    for style, pattern in _COLOURS.items():
        drawn.highlight_regex(f"(?m){pattern}", style)
    if trouble:
        drawn.append(f"\nThis may be old: {trouble}", style="yellow")
    return drawn


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a person looks now
