"""The job that says what a deployment would do."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click

from solvent.deployment.plan import CHANGES, Plan, make_plan
from solvent.deployment.wording import differences_text, headline, plan_markdown, plan_text
from solvent.identity import commit_of, require_locked
from solvent.jobs.options import DAY, settings_of, where
from solvent.settings import Settings


def plan_json(plan: Plan) -> str:
    """A plan for programs."""
    return json.dumps(plan.document(), indent=2)


FORMATS = {"text": plan_text, "markdown": plan_markdown, "json": plan_json}
looking_from = click.option(
    "--as-of", type=DAY, help="Another as-of than the champion's, with the sources as they are now."
)


def plan_here(settings: Settings, as_of: datetime | None, force: bool) -> Plan:
    """The plan of what is committed here."""
    today = datetime.now(UTC).date()
    looks_from = as_of.date() if as_of is not None else None
    return make_plan(settings, commit_of(settings.root), today, looks_from, force)


def announce_plan(settings: Settings, as_of: datetime | None, force: bool) -> Plan:
    """The plan of what is committed here, said before it is carried out.

    Raises:
        RefusedError: If it would do something, with other packages than the commit pins.
    """
    plan = plan_here(settings, as_of, force)
    click.echo(headline(plan))
    if plan.changes:
        require_locked(settings.root)
        for line in differences_text(plan.differences):
            click.echo(line)
    return plan


@click.command("plan")
@where
@looking_from
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="Of the plan."
)
@click.option("--force", is_flag=True, help="Release also what was refused or rolled back before.")
@click.pass_context
def plan_command(
    ctx: click.Context, project: str, environment: str, as_of: datetime | None, form: str, force: bool
) -> None:
    """Say what a deployment would do, and why, without Spark. Exit code 4 if it would do something."""
    plan = plan_here(settings_of(ctx, project, environment), as_of, force)
    click.echo(FORMATS[form](plan))
    if plan.changes:
        sys.exit(CHANGES)
