"""The commands of a model after its release: scored, monitored, investigated, retrained."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import click

from solvent.config.base import counted
from solvent.errors import ConfigurationError, RefusedError
from solvent.investigation import acknowledge, investigations, resolve
from solvent.options import DAY, as_of_option, model_option, run_of, settings_of, where
from solvent.registry import CHAMPION

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
    run = run_of(settings_of(ctx, project, environment))
    version = run.find(which)
    batch = run.score(version, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    if check_skew:
        run.skew(version)
    click.echo(f"table: {run.warehouse.location(batch.table)}")


@click.command("monitor")
@where
@model_option(CHAMPION)
@as_of_option
@click.pass_context
def monitor_command(ctx: click.Context, project: str, environment: str, which: str, as_of: date) -> None:
    """Measure predictions whose labels have matured, and tell whether the model deviates."""
    run = run_of(settings_of(ctx, project, environment), as_of)
    found = run.monitor(run.find(which))
    for day in found.coverage[-3:]:
        click.echo(
            f"  {day.window}: {counted(day.predictions, 'prediction')} = {day.matured:,} with a label + {day.never:,} that never get one + "
            f"{day.pending:,} that wait for it"
        )
    for source in found.health:
        if source.hours_behind is not None:
            click.echo(
                f"  source {source.source}: {counted(source.rows, 'row')}, {counted(source.hours_behind, 'hour')} behind; "
                f"in its last batch {source.accepted:,} accepted, {source.quarantined:,} quarantined"
            )
    window, latest = run.project.monitoring.window, max((one.window for one in found.drifts), default=None)
    moved = [one for one in found.drifts if one.window == latest and one.psi > one.noise]
    for drifted in sorted(moved, key=lambda one: -one.psi)[:3]:
        click.echo(
            f"  {drifted.feature} drifted in the {window} of {latest}: PSI {drifted.psi:.3f}, chance gives up to {drifted.noise:.3f}; "
            f"missing in {drifted.missing:.1%} of rows, in {drifted.missing_in_training:.1%} in training"
        )
    verdict = found.verdict
    deviating = [one for one in verdict.findings if one.deviates]
    for one in deviating:
        since = found.life[one.change.window] if one.change is not None else "?"
        expected = f"{one.expected.mean:.4f} [{one.expected.low:.4f}, {one.expected.high:.4f}]"
        click.echo(
            f"  {one.stream.metric} of {one.stream.rows} deviates since {since}: {one.observed:.4f}, expected {expected}"
        )
    click.echo(
        f"{len(deviating)} of {len(verdict.findings)} metrics and slices deviate (false alarms in at most "
        f"{verdict.false_alarm_rate:.0%} of years); {len(verdict.unjudged)} have too few windows to judge"
    )
    click.echo(f"tables: {run.warehouse.location('performance')}, {run.warehouse.location('deviations')}")
    for waiting in (one for one in investigations(run.warehouse, found.version) if one.state != "resolved"):
        click.echo(f"{waiting.state}: investigation {waiting.id} of {waiting.alarm}; report: {waiting.report}")


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


@click.command("acknowledge")
@where
@click.argument("name", metavar="ID")
@click.option("--reason", required=True, help="Who looks into it, and how.")
@click.pass_context
def acknowledge_command(ctx: click.Context, project: str, environment: str, name: str, reason: str) -> None:
    """Note that somebody looks into an investigation. Exit code 3 if it is not open."""
    found = acknowledge(settings_of(ctx, project, environment).warehouse, name, reason)
    click.echo(f"investigation {found.id} is acknowledged: {found.reason}")


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


@click.command("retrain")
@where
@as_of_option
@click.option("--because", help="Retrain whatever the policy says, for this reason.")
@click.pass_context
def retrain_command(ctx: click.Context, project: str, environment: str, as_of: date, because: str | None) -> None:
    """Train a challenger if the policy of model.yml says so; if it passes the gates, it becomes champion. Exit code 3 if not."""
    run = run_of(settings_of(ctx, project, environment), as_of)
    made = run.retrain(environment, because)
    if made is None:
        return
    click.echo(f"table: {run.warehouse.location('retrainings')}")
    if not made.promoted:
        raise RefusedError(f"{project} version {made.version}: {made.reason}")
