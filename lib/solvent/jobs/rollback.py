"""The job that takes a champion back by hand."""

from __future__ import annotations

import click

from solvent.jobs.options import settings_of, where
from solvent.release import rollback


@click.command("rollback")
@where
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def rollback_command(ctx: click.Context, project: str, environment: str, reason: str) -> None:
    """Make the previous champion champion again."""
    settings = settings_of(ctx, project, environment)
    decided = rollback(settings.warehouse, settings.registry, project, reason)
    click.echo(
        f"{project} version {decided.to_version} is champion again; version {decided.from_version} was rolled back"
    )
