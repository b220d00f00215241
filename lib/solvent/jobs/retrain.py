"""The job that retrains by the policy of model.yml."""

from __future__ import annotations

from datetime import date

import click

from solvent.errors import RefusedError
from solvent.jobs.context import Context, find_champion, open_context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.options import as_of_option, settings_of, where
from solvent.jobs.release import release_version
from solvent.jobs.report import write_report
from solvent.jobs.train import train_models
from solvent.release import require_committed
from solvent.retraining import (
    Retraining,
    append_announcement,
    conclude,
    reasons_to_retrain,
    unrecorded_retrainings,
)


@click.command("retrain")
@where
@as_of_option
@click.option("--because", help="Retrain whatever the policy says, for this reason.")
@click.pass_context
def retrain_command(ctx: click.Context, project: str, environment: str, as_of: date, because: str | None) -> None:
    """Train a challenger if the policy of model.yml says so; if it passes the gates, it becomes champion. Exit code 3 if not."""
    context = open_context(settings_of(ctx, project, environment), as_of)
    made = retrain_champion(context, environment, because)
    if made is None:
        return
    click.echo(f"table: {context.warehouse.location('retrainings')}")
    if not made.promoted:
        raise RefusedError(f"{project} version {made.version}: {made.reason}")


def retrain_champion(context: Context, environment: str, because: str | None = None) -> Retraining | None:
    """Trains a challenger and decides on it, if the policy says so or somebody does.

    Args:
        context: The run.
        environment: As the user named it, for the command on the page.
        because: Why, if somebody asks for it.

    Returns:
        What came of it; None if there was nothing to do.

    Raises:
        RefusedError: If the working tree differs from its commit, before anything is made.
    """
    require_committed(context.commit, context.settings.root)
    warehouse, registry, project, as_of = context.warehouse, context.registry, context.project, context.as_of
    champion = find_champion(context)
    with context.step("retrain") as say:
        for left in unrecorded_retrainings(warehouse, project.project):
            made = conclude(warehouse, registry, *left)
            say(f"that as of {made.as_of}, which ended before it was recorded, is recorded")
        why = reasons_to_retrain(warehouse, registry, project.retrain, champion, as_of, because)
        say("; ".join(why) if why else f"nothing to do: no trigger of the policy holds for {champion}")
    if not why:
        return None
    version, _ = train_models(context)
    review, before = evaluate_version(context, version), champion.version if champion is not None else None
    append_announcement(warehouse, as_of, before, why, version)
    made = conclude(warehouse, registry, as_of, before, why, release_version(context, review))
    write_report(context, review, environment)
    return made
