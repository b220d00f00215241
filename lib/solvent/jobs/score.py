"""The job that scores."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import click
from pyspark.sql import DataFrame

from solvent.config.base import counted
from solvent.errors import ConfigurationError, RefusedError
from solvent.jobs.context import Context, find_model, open_context
from solvent.jobs.options import DAY, model_option, settings_of, where
from solvent.registry import CHAMPION, ModelVersion
from solvent.scoring import Interval, ScoreBatch, Scoring, batches, read_predictions, score, skew_of
from solvent.sources.pins import latest_interval

# So that rows that came late are scored as well; none is scored twice.
WEEK = timedelta(days=7)


@click.command("score")
@where
@model_option(CHAMPION)
@click.option("--since", type=DAY, help="First date of prediction times, UTC (default: a week before --until).")
@click.option("--until", type=DAY, help="Date that ends them, not included (default: today, UTC).")
@click.option("--check-skew", is_flag=True, help="Build the features of all rows scored so far again, and compare.")
@click.pass_context
def score_command(
    ctx: click.Context,
    project: str,
    environment: str,
    which: str,
    since: datetime | None,
    until: datetime | None,
    check_skew: bool,
) -> None:
    """Score the rows of an interval, once. Exit code 3 if the skew check finds a row."""
    until = until or datetime.combine(datetime.now(UTC).date(), time())
    since = since or until - WEEK
    if since >= until:
        raise ConfigurationError(f"--since {since:%Y-%m-%d} is not before --until {until:%Y-%m-%d}")
    context = open_context(settings_of(ctx, project, environment))
    version = find_model(context, which)
    batch = score_interval(context, version, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    if check_skew:
        require_no_skew(context, version)
    click.echo(f"table: {context.warehouse.location(batch.table)}")


def score_interval(context: Context, version: ModelVersion, since: datetime, until: datetime) -> ScoreBatch:
    """Scores the rows of an interval of prediction times."""
    interval = Interval(since, until, context.pins)
    with context.step("score", f"{version} predicts {since:%Y-%m-%d} to {until:%Y-%m-%d}") as say:
        batch, made = score(scoring_of(context), version, interval)
        before = f", {batch.scored_before:,} scored before" if batch.scored_before else ""
        left = f", {batch.unscored:,} without a usable prediction" if batch.unscored else ""
        said = "scored" if made else "there already:"
        say(f"{version}, {since:%Y-%m-%d} to {until:%Y-%m-%d}: {said} {counted(batch.rows, 'row')}{before}{left}")
    return batch


def scoring_of(context: Context) -> Scoring:
    """Where and how a run scores."""
    groups, code = context.settings.groups, context.code.digest
    return Scoring(context.warehouse, context.registry, context.project, groups, code, context.models.load)


def latest_days(context: Context, days: int) -> tuple[datetime, datetime]:
    """The latest days of prediction times that there are, [since, until)."""
    return latest_interval(context.warehouse, context.project, context.pins, days)


def predictions_of(context: Context, version: ModelVersion, since: datetime, until: datetime) -> DataFrame:
    """What a version predicted for an interval of prediction times: key, slices, prediction_time, prediction."""
    return read_predictions(context.warehouse, context.project, context.settings.groups, version, since, until)


def scored_predictions(context: Context, version: ModelVersion, since: datetime, until: datetime) -> DataFrame:
    """The same, of an interval that is scored unless it was."""
    score_interval(context, version, since, until)
    return predictions_of(context, version, since, until)


def require_no_skew(context: Context, version: ModelVersion) -> int:
    """How many rows scored have the features that the sources, as they were, give now.

    Raises:
        RefusedError: If any has not, naming one.
    """
    project = context.project
    with context.step("skew", "features are built again") as say:
        total = 0
        for batch in batches(context.warehouse, version.digest):
            differing, skewed = skew_of(context.warehouse, project, context.settings.groups, batch)
            if skewed:
                row = ", ".join(f"{a}={b}" for a, b in zip(project.predicted.key, skewed[0].key, strict=True))
                what = "other features" if skewed[0].found else "is not built any more"
                raise RefusedError(
                    f"{version}: {differing:,} rows of batch {batch.batch[:12]} do not have the features they were scored with; for "
                    f"instance {row}: {what}; compare the code of the batch with the present one"
                )
            total += batch.rows
        say(f"{version}: {total:,} rows have the features they were scored with")
    return total
