"""The job that lists investigations."""

from __future__ import annotations

import click

from solvent.investigation import investigations
from solvent.jobs.options import settings_of, where


@click.command("investigations")
@where
@click.pass_context
def investigations_command(ctx: click.Context, project: str, environment: str) -> None:
    """List the investigations, from the first alarm."""
    for one in investigations(settings_of(ctx, project, environment).warehouse):
        reason = f" ({one.reason})" if one.reason else ""
        click.echo(
            f"{one.id}  {one.state:<12} version {one.model_version}  alarm {one.alarm}  since {one.change}  {one.first_cause}{reason}"
        )
