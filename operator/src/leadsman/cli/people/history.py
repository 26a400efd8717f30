"""`leadsman history`: the audit trail of a model."""

import click

from leadsman.cli.output import write_data
from leadsman.cli.people.cluster import cluster_options, in_cluster, meant, object_name
from leadsman.cli.people.history_text import as_csv, as_json, as_table
from leadsman.cli.people.view import look

_DATA = {"json": as_json, "csv": as_csv}


@click.command()
@click.argument("name", type=object_name)
@click.option(
    "-o", "--output", type=click.Choice(["table", *_DATA]), default="table", show_default=True, help="The form."
)
@cluster_options
def history(name: str, output: str, namespace: str | None, context: str | None) -> None:
    """Say what was decided about the model NAME, on whose word, and by which evidence.

    Every decision is there that a ModelRevision still has a receipt of, and every RolloutAction that led to none.
    JSON has the receipts and the actions whole.
    """
    view = in_cluster(meant(namespace, context), lambda kube, where: look(kube, where, name))
    if output in _DATA:
        write_data(_DATA[output](view))
    else:
        click.echo(as_table(view), nl=False)
