"""The job that validates a project."""

from __future__ import annotations

import click

from solvent.config.advice import unsaid
from solvent.config.base import counted
from solvent.identity import lock_remark
from solvent.jobs.options import settings_of, where
from solvent.promises import broken_promises


@click.command("check")
@where
@click.pass_context
def check_command(ctx: click.Context, project: str, environment: str) -> None:
    """Validate the configuration and the feature groups, without Spark and without data."""
    settings = settings_of(ctx, project, environment)
    features = sum(len(group.features) for group in settings.groups)
    found = settings.project
    click.echo(
        f"{project} in {settings.environment.name}: ok; {counted(len(found.sources), 'source')}, {counted(features, 'feature')} in "
        f"{counted(len(settings.groups), 'group')}, {found.model.name} against {found.baseline.name}, {counted(len(found.gates), 'gate')}"
    )
    for line in unsaid(found):
        click.echo(f"to be said: {line}")
    for _, line in broken_promises(found):
        click.echo(f"warning: {line}")
    if (remark := lock_remark(settings.root)) is not None:
        click.echo(f"note: {remark}")
