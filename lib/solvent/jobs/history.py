"""The job that shows what was decided."""

from __future__ import annotations

import click

from solvent.deployment.ledger import PROBATION, deployment_steps
from solvent.jobs.options import settings_of, where
from solvent.release import decisions


@click.command("history")
@where
@click.pass_context
def history_command(ctx: click.Context, project: str, environment: str) -> None:
    """Show the decisions on the champion, and the commits they came from, from the first."""
    warehouse = settings_of(ctx, project, environment).warehouse
    steps = deployment_steps(warehouse)
    commits = {one.version: one.commit for one in steps if one.version is not None}
    made = decisions(warehouse)
    if not made:
        click.echo(f"no decision on a champion of {project} was made yet; `solvent release` makes the first")
    for one in made:
        outcome = "champion" if one.passed else "refused"
        commit = f", commit {commits[one.to_version][:12]}" if one.to_version in commits else ""
        click.echo(f"{one.kind:<9} version {one.to_version} {outcome} (was {one.from_version}{commit}): {one.reason}")
    for step in steps:
        if step.step == PROBATION:
            click.echo(f"{step.step:<9} version {step.version} {step.outcome} (against {step.champion_version})")
