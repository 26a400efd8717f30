"""`leadsman status`: who serves, how far the rollout is, what it waits for."""

from datetime import UTC, datetime

import click

from leadsman.cli.people.cluster import cluster_options, in_cluster, meant, object_name
from leadsman.cli.people.status_text import status_text
from leadsman.cli.people.view import look


@click.command()
@click.argument("name", type=object_name)
@cluster_options
def status(name: str, namespace: str | None, context: str | None) -> None:
    """Say who serves the model NAME, how far its rollout is, and what it waits for."""
    view = in_cluster(meant(namespace, context), lambda kube, where: look(kube, where, name))
    click.echo(status_text(view, datetime.now(UTC)), nl=False)  # noqa: TID251 - a person looks now
