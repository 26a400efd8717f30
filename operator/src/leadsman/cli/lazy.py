"""Commands whose modules are imported when they are asked for: the operator's image has not what they need."""

from importlib import import_module
from typing import Any

import click

from leadsman.cli.policy import InputError

_PEOPLE = "leadsman.cli.people"
_VERBS = ("approve", "pause", "resume", "promote", "skip", "abort", "retry", "undo")
# Command: where it is, and the extra of leadsman with what it imports at once.
_COMMANDS = {
    "preflight": ("leadsman.cli.preflight", "package"),
    "sign": ("leadsman.cli.preflight", "package"),
    **{name: (f"{_PEOPLE}.{name}", "cli") for name in ("status", "watch", "history")},
    **dict.fromkeys(_VERBS, (f"{_PEOPLE}.verbs", "cli")),
}


class LazyGroup(click.Group):
    """A group that also has the commands above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; where its packages are not installed, return one that says how to get them."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, extra = _COMMANDS[cmd_name]
        try:
            found: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            return _missing(cmd_name, str(error.name).partition(".")[0], extra)
        return found


def _missing(name: str, package: str, extra: str) -> click.Command:
    said = f"{name} needs {package}, which is not installed; get it with: pip install 'leadsman[{extra}]'"

    def fail(**_: Any) -> None:
        raise InputError(said)

    anything = {"ignore_unknown_options": True}
    return click.Command(
        name,
        context_settings=anything,
        callback=fail,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        short_help="(not installed)",
        add_help_option=False,
    )
