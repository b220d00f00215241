"""The command `solvent`: one subcommand for each job."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from solvent.config.environment import find_root
from solvent.deployment.commands import (
    deploy_command,
    deploy_here_command,
    diff_command,
    history_command,
    install_hook_command,
    observe_command,
    plan_command,
)
from solvent.errors import ConfigurationError, RefusedError, SolventError
from solvent.investigation import acknowledge, investigations, resolve
from solvent.options import (
    DAY,
    as_of_option,
    force_option,
    listen,
    model_option,
    run_of,
    settings_of,
    where,
)
from solvent.pipeline import Review, Run
from solvent.registry import CHALLENGER, CHAMPION, ModelVersion, Registry, without_password
from solvent.release import promote, rollback
from solvent.reproduction import present_code, reproduce, reproduce_elsewhere
from solvent.session import session
from solvent.skeleton.commands import new_command

# So that rows that came late are scored as well; none is scored twice.
WEEK = timedelta(days=7)


class Commands(click.Group):
    """Subcommands whose errors are said without a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a subcommand; a user's error ends with its exit code."""
        try:
            return super().invoke(ctx)
        except SolventError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SOLVENT_ROOT",
    show_envvar=True,
    help="Folder that holds conf/ (default: found upwards).",
)
@click.option("--verbose", is_flag=True, help="Show what Spark and MLflow log.")
@click.version_option(package_name="solvent")
@click.pass_context
def main(ctx: click.Context, root: Path | None, verbose: bool) -> None:
    """Machine learning without technical debt: ingest, features, training, evaluation, release, and proof."""
    ctx.obj = (root or find_root()).resolve()
    import_from(ctx.obj / "lib")
    listen(verbose)


def import_from(folder: Path) -> None:
    """Lets the projects of a repository be imported; what is installed comes first."""
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))


@main.command()
@where
@click.pass_context
def check(ctx: click.Context, project: str, environment: str) -> None:
    """Validate the configuration and the feature groups, without Spark and without data."""
    settings = settings_of(ctx, project, environment)
    features = sum(len(group.features) for group in settings.groups)
    found = settings.project
    click.echo(
        f"{project} in {settings.environment.name}: ok; {len(found.sources)} sources, {features} features in "
        f"{len(settings.groups)} groups, {found.model.name} against {found.baseline.name}, {len(found.gates)} gates"
    )


@main.command()
@where
@click.pass_context
def ingest(ctx: click.Context, project: str, environment: str) -> None:
    """Bring new landing files into the append-only sources."""
    run = run_of(settings_of(ctx, project, environment))
    for batch in run.ingest():
        click.echo(
            f"  {batch.source}: {batch.rows_in:,} rows in = {batch.accepted:,} accepted + {batch.quarantined:,} quarantined + "
            f"{batch.duplicates:,} duplicates; version {batch.version}"
        )
    click.echo(f"tables: {run.warehouse.location('ingest_batches')}, {run.warehouse.location('quarantine')}")


@main.command("build-features")
@where
@as_of_option
@force_option
@click.pass_context
def build_features(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Build the feature table of an as-of from pinned sources."""
    run = run_of(settings_of(ctx, project, environment), as_of, force)
    build = run.build
    click.echo(f"table: {run.warehouse.location(build.table)} version {build.version}, build {build.build[:12]}")


@main.command()
@where
@as_of_option
@force_option
@click.pass_context
def train(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Train model and baseline; the model becomes challenger."""
    run = run_of(settings_of(ctx, project, environment), as_of, force)
    version, _ = run.train()
    click.echo(f"next: solvent evaluate --project {project} --environment {environment} --model {version.version}")


@main.command()
@where
@model_option(CHALLENGER)
@force_option
@click.pass_context
def evaluate(ctx: click.Context, project: str, environment: str, which: str, force: bool) -> None:
    """Evaluate a version, its rival and the baseline on its holdout."""
    run = run_of(settings_of(ctx, project, environment), force=force)
    run.evaluate(run.registry.find(project, which))
    click.echo(f"table: {run.warehouse.location('evaluations')}")


@main.command()
@where
@model_option(CHALLENGER)
@click.pass_context
def release(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Apply the gates to a version; if it passes, it becomes champion. Exit code 3 if not."""
    run = run_of(settings_of(ctx, project, environment))
    decided = run.release(run.evaluate(run.registry.find(project, which)))
    if not decided.passed:
        raise RefusedError(f"{project} version {decided.to_version}: {decided.reason}")


@main.command("score")
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
    version = run.registry.find(project, which)
    batch = run.score(version, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    if check_skew:
        run.skew(version)
    click.echo(f"table: {run.warehouse.location(batch.table)}")


@main.command("monitor")
@where
@model_option(CHAMPION)
@as_of_option
@click.pass_context
def monitor_command(ctx: click.Context, project: str, environment: str, which: str, as_of: date) -> None:
    """Measure predictions whose labels have matured, and tell whether the model deviates."""
    run = run_of(settings_of(ctx, project, environment), as_of)
    found = run.monitor(run.registry.find(project, which))
    for day in found.coverage[-3:]:
        click.echo(
            f"  {day.window}: {day.predictions:,} predictions = {day.matured:,} with a label + {day.never:,} that never get one + "
            f"{day.pending:,} that wait for it"
        )
    for source in found.health:
        if source.hours_behind is not None:
            click.echo(
                f"  source {source.source}: {source.rows:,} rows, {source.hours_behind:,.0f} hours behind; in its last batch "
                f"{source.accepted:,} accepted, {source.quarantined:,} quarantined"
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


@main.command("investigations")
@where
@click.pass_context
def investigations_command(ctx: click.Context, project: str, environment: str) -> None:
    """List the investigations, from the first alarm."""
    for one in investigations(settings_of(ctx, project, environment).warehouse):
        reason = f" ({one.reason})" if one.reason else ""
        click.echo(
            f"{one.id}  {one.state:<12} version {one.model_version}  alarm {one.alarm}  since {one.change}  {one.first_cause}{reason}"
        )


@main.command("acknowledge")
@where
@click.argument("name", metavar="ID")
@click.option("--reason", required=True, help="Who looks into it, and how.")
@click.pass_context
def acknowledge_command(ctx: click.Context, project: str, environment: str, name: str, reason: str) -> None:
    """Note that somebody looks into an investigation. Exit code 3 if it is not open."""
    found = acknowledge(settings_of(ctx, project, environment).warehouse, name, reason)
    click.echo(f"investigation {found.id} is acknowledged: {found.reason}")


@main.command("resolve")
@where
@click.argument("name", metavar="ID")
@click.option("--reason", required=True, help="What it was, and what was done.")
@as_of_option
@click.pass_context
def resolve_command(ctx: click.Context, project: str, environment: str, name: str, reason: str, as_of: date) -> None:
    """End an investigation; days from the as-of on are judged anew. Exit code 3 if it was resolved before."""
    found = resolve(settings_of(ctx, project, environment).warehouse, name, reason, as_of)
    click.echo(f"investigation {found.id} is resolved: {found.reason}; days from {found.as_of} on are judged anew")


@main.command("retrain")
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


@main.command("promote")
@where
@click.option("--model", "which", required=True, help="Version number.")
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def promote_command(ctx: click.Context, project: str, environment: str, which: str, reason: str) -> None:
    """Make a version champion by hand, past the gates."""
    settings = settings_of(ctx, project, environment)
    registry = settings.registry
    decided = promote(settings.warehouse, registry, registry.find(project, which), reason)
    click.echo(f"{project} version {decided.to_version} is champion; before it was {decided.from_version}")


@main.command("rollback")
@where
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def rollback_command(ctx: click.Context, project: str, environment: str, reason: str) -> None:
    """Make the previous champion champion again."""
    settings = settings_of(ctx, project, environment)
    decided = rollback(settings.warehouse, settings.registry, project, reason)
    click.echo(
        f"{project} version {decided.to_version} is champion again; version {decided.from_version} was rolled back"
    )


@main.command("reproduce")
@where
@model_option(CHAMPION)
@click.option("--baseline", is_flag=True, help="A version of the baseline.")
@click.option("--here", is_flag=True, help="With the present code, even if the model was made by other code.")
@click.pass_context
def reproduce_command(
    ctx: click.Context, project: str, environment: str, which: str, baseline: bool, here: bool
) -> None:
    """Make a model again from its manifest, and compare every part by digest. Exit code 3 if one differs."""
    from solvent.config.environment import load_environment

    root: Path = ctx.obj
    found = load_environment(environment, root)
    registry = Registry(found.mlflow, project)
    version = registry.find(f"{project}_baseline" if baseline else project, which)
    manifest = registry.manifest(version)
    if not here and present_code(manifest) != manifest["code"]:
        click.echo(
            f"{version} was made by the code of commit {str(manifest['commit']['hash'])[:12]}: checking it out beside this one"
        )
        sys.exit(reproduce_elsewhere(found, manifest, version, root))
    report_reproduction(session_findings(ctx, found, registry, version), version)


def session_findings(ctx: click.Context, environment: Any, registry: Registry, version: ModelVersion) -> Any:
    """The findings, with a session started only now."""
    return reproduce(session(environment), environment, registry, version, ctx.obj)


def report_reproduction(findings: Any, version: ModelVersion) -> None:
    """Tells the findings as they come, and what they come to."""
    differing = []
    for finding in findings:
        click.echo(f"{finding.part:<16} {'identical' if finding.identical else 'DIFFERS':<10} {finding.detail}")
        if not finding.identical:
            differing.append(finding.part)
    made = [part for part in differing if part not in ("environment", "code")]
    if made:
        raise RefusedError(f"{version} was not made again: {', '.join(differing)} differ")
    note = f" (although {' and '.join(differing)} differ)" if differing else ""
    click.echo(f"identical: {version} was made again exactly{note}")


@main.command()
@where
@model_option(CHALLENGER)
@click.pass_context
def report(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Write the HTML page of a version."""
    run = run_of(settings_of(ctx, project, environment))
    run.report(run.evaluate(run.registry.find(project, which), looking_back=True), environment)


@main.command()
@where
@as_of_option
@force_option
@click.option(
    "--release/--no-release", "releasing", default=False, help="Make the model champion if it passes the gates."
)
@click.pass_context
def pipeline(ctx: click.Context, project: str, environment: str, as_of: date, force: bool, releasing: bool) -> None:
    """Ingest, features, train, evaluate, release, report, in one Spark session. Exit code 3 if a gate refuses."""
    run = run_of(settings_of(ctx, project, environment), as_of, force)
    if releasing:
        run.require_releasable()
    run.ingest()
    version, _ = run.train()
    review = run.evaluate(version)
    decided = run.release(review) if releasing else None
    path = run.report(review, environment)
    summary(run, review, environment, path)
    if decided is not None and not decided.passed:
        raise RefusedError(f"{version}: {decided.reason}")


def summary(run: Run, review: Review, environment: str, page: Path) -> None:
    """Where to look, and what to type next."""
    project, version = run.project.project, review.version.version
    rest = "" if environment == "local" else f" --environment {environment}"
    tracking = run.settings.environment.mlflow.tracking_uri
    models = f".venv/bin/mlflow ui --backend-store-uri {tracking}" if tracking.startswith("sqlite:") else tracking
    click.echo(f"""
Where to look
  report     {page}
  tables     {run.warehouse.location("evaluations")} and beside it
  MLflow     {without_password(models)}
What to type next
  solvent reproduce --project {project}{rest} --model {version}""")


for command in (
    plan_command,
    deploy_command,
    deploy_here_command,
    observe_command,
    history_command,
    diff_command,
    install_hook_command,
    new_command,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
