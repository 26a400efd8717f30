"""`leadsman push` and `leadsman pull`: packages to where they are served from, and back."""

import re
from pathlib import Path

import click

from leadsman.cli.needed import check_installed, told_in_a_sentence

_NEEDED = ("obstore", "oras", "httpx", "tenacity", "rich")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RETRY_FOR = click.option(
    "--retry-for",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds of pauses between attempts, while nothing gets further.",
)
_PARALLEL = click.option(
    "--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="Files to transfer at once."
)


def _digest(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _DIGEST.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no digest; expected sha256: and 64 hexadecimal digits")
    return value


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("uri")
@click.option("--force", is_flag=True, help="Replace another package that is there already.")
@_PARALLEL
@_RETRY_FOR
def push(directory: Path, uri: str, force: bool, parallel: int, retry_for: float) -> None:
    """Push the package in DIRECTORY to URI, and print what to put into spec.model.

    URI: oci://HOST/NAME:TAG; s3://, gs:// or az://BUCKET/PATH; or a directory. The package's files are checked against
    its manifest first. What is there already is not sent again.

    Exits with 75 when the same may work later.
    """
    check_installed("push", _NEEDED)
    from leadsman.cli.bars import bars
    from leadsman_package.pushing import push as push_package
    from leadsman_package.sources.store import Settings

    settings = Settings(retry_for=retry_for, parallel=parallel)
    with told_in_a_sentence(), bars() as progress:
        pushed = push_package(directory, uri, force=force, settings=settings, progress=progress)
    click.echo(f"pushed: {pushed.uri}", err=True)
    if "://" in uri:
        click.echo(f"spec:\n  model:\n    uri: {uri}\n    digest: {pushed.digest}")
    else:
        click.echo(pushed.digest)


@click.command()
@click.argument("uri")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--digest", callback=_digest, help="Refuse any other bytes; sha256:<64 hex digits>.")
@_PARALLEL
@_RETRY_FOR
def pull(uri: str, directory: Path, digest: str | None, parallel: int, retry_for: float) -> None:
    """Pull the package or the model at URI to DIRECTORY.

    URI: https, http, s3, gs, az, hf, mlflow, oci or file://..., or a path. All files are checked before any is put in
    place. After a pull that was cut the next one goes on.

    Exits with 75 when the same may work later.
    """
    check_installed("pull", _NEEDED)
    from leadsman.cli.bars import bars
    from leadsman_package.pulling import pull as pull_package
    from leadsman_package.sources.store import Settings

    settings = Settings(retry_for=retry_for, parallel=parallel)
    with told_in_a_sentence(), bars() as progress:
        pulled = pull_package(uri, directory, digest=digest, settings=settings, progress=progress)
    click.echo(f"pulled: {pulled.size} bytes, the {pulled.kind} {pulled.digest}")
