"""A command for each verb: it shows what is asked for, asks whether to, and says what became of it."""

import sys
from dataclasses import dataclass
from typing import Any

import click

from leadsman.api.rolloutaction import ActionOutcome, RolloutAction, Verb
from leadsman.cli.people.asking import action, ask, who_am_i
from leadsman.cli.people.cluster import FailedError, cluster_options, in_cluster, meant, object_name
from leadsman.cli.people.verbs_text import ASKS_FIRST, Subject, moved_on, question_text, subject
from leadsman.cli.people.view import View, look
from leadsman.cli.plain import plain
from leadsman.cli.policy import InputError
from leadsman.shell.access import Access
from leadsman.shell.kube import Kube

_HELP = {
    Verb.APPROVE: "Let the candidate of NAME pass the approval step that it waits at.",
    Verb.PAUSE: "Stop the rollout of NAME where it stands: nothing gets more traffic.",
    Verb.RESUME: "Let the rollout of NAME go on.",
    Verb.PROMOTE: "Make the candidate of NAME stable without further evidence; approvals it still owes.",
    Verb.SKIP: "End the present step of NAME's rollout as if it had passed.",
    Verb.ABORT: "Take the candidate of NAME back: all requests go to the stable revision.",
    Verb.RETRY: "Try the revision of NAME again that was taken back.",
    Verb.UNDO: "Return NAME to the revision before, or to one that is still known.",
}
_EXITS = """

    \b
    Exits with 0 when it was done, 1 when it was refused, 75 when it may work later.
"""


@dataclass(frozen=True)
class _Given:
    """What the options say."""

    revision: str | None
    reason: str
    yes: bool
    timeout: float
    """Seconds."""
    evidence: str | None = None


def _command(verb: Verb) -> click.Command:
    def call(name: str, namespace: str | None, context: str | None, **given: Any) -> None:
        _run(verb, name, meant(namespace, context), _Given(**given))

    options = [
        click.Option(["--revision"], help="Speak of this revision; by default of that which `status` shows."),
        click.Option(["--reason"], default="", help="Why; it is kept on record."),
        click.Option(["-y", "--yes"], is_flag=True, help="Do not ask whether to."),
        click.Option(
            ["--timeout"], type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to wait for it."
        ),
    ]
    if verb is Verb.APPROVE:
        options.append(click.Option(["--evidence"], help="Approve this evidence only; by default what is shown."))
    command = click.Command(
        verb.lower(),
        callback=call,
        params=[click.Argument(["name"], type=object_name), *options],
        help=_HELP[verb] + _EXITS,
        short_help=_HELP[verb],
    )
    return cluster_options(command)


def _run(verb: Verb, name: str, access: Access, given: _Given) -> None:
    async def see(kube: Kube, namespace: str) -> tuple[View, Subject]:
        view = await look(kube, namespace, name)
        return view, subject(view, verb, given.revision, given.evidence)

    view, about = in_cluster(access, see)
    if verb in ASKS_FIRST:
        click.echo(question_text(view, verb, about))
        _ask_whether(verb, given.yes)

    async def do(kube: Kube, namespace: str) -> RolloutAction:
        if verb in ASKS_FIRST and (moved := moved_on(view, await look(kube, namespace, name), verb)):
            raise FailedError(moved)
        return await ask(kube, action(namespace, name, verb, about, given.reason, await who_am_i(kube)), given.timeout)

    done = in_cluster(access, do)
    if done.status.outcome is ActionOutcome.REFUSED:
        raise FailedError(f"refused: {plain(done.status.message)}")
    click.echo(f"{plain(done.status.message)}.")


def _ask_whether(verb: Verb, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody is there to be asked whether to; say --yes")
    click.confirm(f"{verb.value}?", abort=True)


approve, pause, resume, promote, skip, abort, retry, undo = (_command(verb) for verb in Verb)
