"""The `leadsman` command."""

import asyncio
import logging
import sys
from pathlib import Path

import click

from leadsman.cli.backtest import backtest
from leadsman.cli.crds import out_of_date, write
from leadsman.cli.diff import diff
from leadsman.cli.inspect import inspect
from leadsman.cli.lazy import LazyGroup
from leadsman.cli.output import show_what_can_be_shown
from leadsman.cli.package import package
from leadsman.cli.package_schema import package_schema
from leadsman.cli.simulate import simulate
from leadsman.cli.transfer import pull, push


@click.group(cls=LazyGroup)
@click.version_option(package_name="leadsman")
def main() -> None:
    """Leadsman rolls machine-learning models out on evidence, and takes them back by itself."""
    show_what_can_be_shown()


@main.command()
def operator() -> None:
    """Run the operator; its settings are the LEADSMAN_* environment variables (docs/operations.md)."""
    from leadsman.handlers.runner import run_until_told
    from leadsman.shell.lease import LeaseLostError
    from leadsman.shell.logs import configure_logs
    from leadsman.shell.settings import Settings, SettingsError

    try:
        settings = Settings.from_environment()
        configure_logs(settings.log_level)
        asyncio.run(run_until_told(settings))
    except (SettingsError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except LeaseLostError as error:
        # Whatever still runs in this process must not write any more.
        logging.getLogger(__name__).error("%s; ending", error)
        sys.exit(1)


@main.command()
@click.option(
    "--check", "mode", flag_value="check", default=True, help="Fail if the files are not up to date (the default)."
)
@click.option("--write", "mode", flag_value="write", help="Write the files.")
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path(), help="The checkout."
)
def crds(mode: str, root: Path) -> None:
    """Generate the CustomResourceDefinitions from the API types."""
    if mode == "write":
        for path in write(root):
            click.echo(f"wrote {path}")
        return
    stale = out_of_date(root)
    if stale:
        raise click.ClickException(f"out of date: {', '.join(map(str, stale))}; run `leadsman crds --write`")
    click.echo("the CRDs are up to date")


main.add_command(package)
main.add_command(package_schema)
for command in (push, pull, inspect, diff):
    main.add_command(command)
main.add_command(simulate)
main.add_command(backtest)


if __name__ == "__main__":
    main()
