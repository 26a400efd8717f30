"""`leadsman package-schema`: the published JSON schema of a package's manifest, and whether it is up to date."""

from pathlib import Path

import click

_FILE = Path("docs/model-package.schema.json")


@click.command(name="package-schema")
@click.option(
    "--check", "mode", flag_value="check", default=True, help="Fail if the file is not up to date (the default)."
)
@click.option("--write", "mode", flag_value="write", help="Write the file.")
@click.option(
    "--root", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path(), help="The checkout."
)
def package_schema(mode: str, root: Path) -> None:
    """Generate the JSON schema of model.yaml from its types."""
    from leadsman_package.schema import schema

    path = root / _FILE
    if mode == "write":
        path.write_text(schema())
        click.echo(f"wrote {path}")
        return
    if not path.exists() or path.read_text() != schema():
        raise click.ClickException(f"out of date: {path}; run `leadsman package-schema --write`")
    click.echo("the schema of packages is up to date")
