"""The job that enters who looks into an investigation."""

from __future__ import annotations

import click

from solvent.investigation import acknowledge
from solvent.jobs.options import settings_of, where


@click.command("acknowledge")
@where
@click.argument("name", metavar="ID")
@click.option("--reason", required=True, help="Who looks into it, and how.")
@click.pass_context
def acknowledge_command(ctx: click.Context, project: str, environment: str, name: str, reason: str) -> None:
    """Note that somebody looks into an investigation. Exit code 3 if it is not open."""
    found = acknowledge(settings_of(ctx, project, environment).warehouse, name, reason)
    click.echo(f"investigation {found.id} is acknowledged: {found.reason}")
