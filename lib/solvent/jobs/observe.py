"""The job that watches a release."""

from __future__ import annotations

from datetime import date

import click

from solvent.config.base import midnight
from solvent.deployment.probation import (
    ROLLED_BACK,
    WATCHED,
    Release,
    Watch,
    alarm_of_release,
    append_probation,
    compared_metrics,
    judge_probation,
    learned_until,
    on_probation,
    sums_on_holdout,
    sums_since,
    take_back,
    unscored_since,
    watch_text,
)
from solvent.errors import RefusedError, SolventError
from solvent.jobs.alarms import open_investigation
from solvent.jobs.context import Context, find_champion, open_context
from solvent.jobs.monitor import monitor_version
from solvent.jobs.options import as_of_option, settings_of, where
from solvent.jobs.score import predictions_of, score_interval
from solvent.jobs.trainings import trained_before


@click.command("observe")
@where
@as_of_option
@click.pass_context
def observe_command(ctx: click.Context, project: str, environment: str, as_of: date) -> None:
    """Watch the champion on probation beside the one it replaced; confirm it, or take it back. Exit code 3 if it is taken back."""
    context = open_context(settings_of(ctx, project, environment), as_of)
    found = observe_release(context)
    if found is None:
        click.echo("no champion is on probation")
        return
    release, watch = found
    click.echo(f"table: {context.warehouse.location('deployments')}")
    if watch.outcome == ROLLED_BACK:
        risk = context.project.deploy.probation.risk
        raise RefusedError(
            f"{release.version} was rolled back to version {release.before.version}: {watch_text(watch, risk)}"
        )


def observe_release(context: Context) -> tuple[Release, Watch] | None:
    """Scores what has come with both champions, compares them on what has matured, and confirms the new one or takes it back.

    Returns:
        Whose probation it is, and what is known; None if no champion is on probation.

    Raises:
        IntegrityError: If the files of the old champion are not what was registered.
    """
    warehouse, registry, project = context.warehouse, context.registry, context.project
    release = on_probation(warehouse, registry, find_champion(context))
    if release is None:
        return None
    until = midnight(context.as_of)
    for version in (release.version, release.before):
        if (start := unscored_since(warehouse, version, release.since, until)) is not None:
            score_interval(context, version, start, until)
    settings = project.deploy.probation
    with context.step("observe") as say:
        both, ripe = (release.version, release.before), until - project.windows.maturity
        scored = [predictions_of(context, one, release.since, ripe) for one in both]
        sums = sums_since(warehouse, project, context.pins, scored, release.since, context.as_of)
        # From the holdout of that which was trained later, neither has learned.
        training = trained_before(context, max(both, key=lambda one: learned_until(registry, one)))
        before = sums_on_holdout(training, [context.models.load(one) for one in both])
        watch = judge_probation(settings, compared_metrics(project), *sums, before)
        say(f"{release.version}, against {release.before}: {watch_text(watch, settings.risk)}")
    if watch.outcome == ROLLED_BACK:
        try:
            # What monitoring knows of the days is a part of the investigation, and it may have raised an alarm of its own.
            monitor_version(context, release.version)
            open_investigation(context, alarm_of_release(release, watch, before[0], sums[0]))
        except SolventError as error:
            # What hinders the investigation does not hinder the way back.
            context.say(f"{'open':<10} no investigation could be made: {error}")
        with context.step("rollback") as say:
            decided = take_back(warehouse, registry, release, watch, settings.risk)
            say(f"{release.version.name} version {decided.to_version} is champion again")
    if watch.outcome != WATCHED:
        append_probation(warehouse, release, watch)
    return release, watch
