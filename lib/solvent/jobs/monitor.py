"""The job that measures what a model predicted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import click

from solvent.config.base import counted
from solvent.investigation import investigations, judged_from
from solvent.jobs.alarms import notify_webhook, open_investigation
from solvent.jobs.context import Context, find_model, open_context
from solvent.jobs.options import as_of_option, model_option, settings_of, where
from solvent.jobs.trainings import predicted_holdout
from solvent.monitoring import Monitored, Watched, append_model_health, monitor, reference_measured
from solvent.registry import CHAMPION, ModelVersion
from solvent.scoring import described_of, require_scored, unseen_predictions


@click.command("monitor")
@where
@model_option(CHAMPION)
@as_of_option
@click.pass_context
def monitor_command(ctx: click.Context, project: str, environment: str, which: str, as_of: date) -> None:
    """Measure predictions whose labels have matured, and tell whether the model deviates."""
    context = open_context(settings_of(ctx, project, environment), as_of)
    warehouse = context.warehouse
    found = monitor_version(context, find_model(context, which))
    for line in monitored_text(found, context.project.monitoring.window):
        click.echo(line)
    click.echo(f"tables: {warehouse.location('performance')}, {warehouse.location('deviations')}")
    for waiting in (one for one in investigations(warehouse, found.version) if one.state != "resolved"):
        click.echo(f"{waiting.state}: investigation {waiting.id} of {waiting.alarm}; report: {waiting.report}")


def monitor_version(context: Context, version: ModelVersion) -> Monitored:
    """Measures what a version predicted and what has become known of it, and judges it; an alarm opens an investigation.

    Raises:
        RefusedError: If it has scored nothing.
        ConfigurationError: If the variable of the webhook holds no URL.
    """
    warehouse, project, groups = context.warehouse, context.project, context.settings.groups
    webhook = context.settings.environment.webhook_url
    scored, manifest = require_scored(warehouse, version), context.registry.manifest(version)
    predictions = unseen_predictions(warehouse, project, groups, version, manifest.windows.holdout_start)
    with context.step("monitor", f"{version} is measured") as say:
        holdout = None
        if not reference_measured(warehouse, version):
            span = project.monitoring.whole_windows(manifest.windows.holdout_start, manifest.windows.holdout_end)
            holdout = predicted_holdout(context, version, span)
        trained = date.fromisoformat(manifest["as_of"])
        described = described_of(groups, manifest)
        watched = Watched(warehouse, project, version, trained, described, context.pins, context.as_of)
        found = monitor(watched, predictions, holdout, judged_from(warehouse, version, context.as_of))
        last = next((batch for batch in reversed(scored) if batch.rows), scored[-1])
        health = append_model_health(warehouse, version, trained, last.rows, last.seconds, context.as_of)
        say(f"{version}: {len(found.windows)} {project.monitoring.window}s new or changed, {len(found.life)} judged")
        say(
            f"trained {counted(health.age_days, 'day')} ago, scores {counted(health.rows_per_second, 'row')} per second"
        )
    if found.verdict.alarm is not None:
        open_investigation(context, found)
    if webhook is not None:
        notify_webhook(context, version, webhook)
    return found


def monitored_text(found: Monitored, window: str) -> Iterator[str]:
    """What monitoring found, in lines."""
    for day in found.coverage[-3:]:
        yield (
            f"  {day.window}: {counted(day.predictions, 'prediction')} = {day.matured:,} with a label + {day.never:,} that never get one + "
            f"{day.pending:,} that wait for it"
        )
    for source in found.health:
        if source.hours_behind is not None:
            yield (
                f"  source {source.source}: {counted(source.rows, 'row')}, {counted(source.hours_behind, 'hour')} behind; "
                f"in its last batch {source.accepted:,} accepted, {source.quarantined:,} quarantined"
            )
    latest = max((one.window for one in found.drifts), default=None)
    moved = [one for one in found.drifts if one.window == latest and one.psi > one.noise]
    for drifted in sorted(moved, key=lambda one: -one.psi)[:3]:
        yield (
            f"  {drifted.feature} drifted in the {window} of {latest}: PSI {drifted.psi:.3f}, chance gives up to {drifted.noise:.3f}; "
            f"missing in {drifted.missing:.1%} of rows, in {drifted.missing_in_training:.1%} in training"
        )
    verdict = found.verdict
    deviating = [one for one in verdict.findings if one.deviates]
    for one in deviating:
        since = found.life[one.change.window] if one.change is not None else "?"
        expected = f"{one.expected.mean:.4f} [{one.expected.low:.4f}, {one.expected.high:.4f}]"
        yield (
            f"  {one.stream.metric} of {one.stream.rows} deviates since {since}: {one.observed:.4f}, expected {expected}"
        )
    yield (
        f"{len(deviating)} of {len(verdict.findings)} metrics and slices deviate (false alarms in at most "
        f"{verdict.false_alarm_rate:.0%} of years); {len(verdict.unjudged)} have too few windows to judge"
    )
