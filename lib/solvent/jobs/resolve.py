"""The job that ends an investigation."""

from __future__ import annotations

from datetime import date

import click

from solvent.investigation import resolve
from solvent.jobs.options import as_of_option, settings_of, where


@click.command("resolve")
@where
@click.argument("name", metavar="ID")
@click.option("--reason", required=True, help="What it was, and what was done.")
@as_of_option
@click.pass_context
def resolve_command(ctx: click.Context, project: str, environment: str, name: str, reason: str, as_of: date) -> None:
    """End an investigation; days from the as-of on are judged anew. Exit code 3 if it was resolved before."""
    found = resolve(settings_of(ctx, project, environment).warehouse, name, reason, as_of)
    click.echo(f"investigation {found.id} is resolved: {found.reason}; days from {found.as_of} on are judged anew")
