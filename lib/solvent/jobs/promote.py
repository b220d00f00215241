"""The job that makes a version champion by hand."""

from __future__ import annotations

import click

from solvent.jobs.options import settings_of, where
from solvent.release import find_version, promote


@click.command("promote")
@where
@click.option("--model", "which", required=True, help="Version number.")
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def promote_command(ctx: click.Context, project: str, environment: str, which: str, reason: str) -> None:
    """Make a version champion by hand, past the gates."""
    settings = settings_of(ctx, project, environment)
    warehouse, registry = settings.warehouse, settings.registry
    decided = promote(warehouse, registry, find_version(warehouse, registry, project, which), reason)
    click.echo(f"{project} version {decided.to_version} is champion; before it was {decided.from_version}")
