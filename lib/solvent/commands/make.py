"""The commands that make, judge and release a model: from landing files to a champion and its page."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import date
from pathlib import Path

import click

from solvent.config.base import counted
from solvent.errors import RefusedError
from solvent.options import as_of_option, force_option, model_option, run_of, settings_of, where
from solvent.pipeline import Review, Run
from solvent.registry import CHALLENGER, without_password


@click.command("ingest")
@where
@click.pass_context
def ingest_command(ctx: click.Context, project: str, environment: str) -> None:
    """Bring new landing files into the append-only sources."""
    run = run_of(settings_of(ctx, project, environment))
    for batch in run.ingest():
        click.echo(
            f"  {batch.source}: {counted(batch.rows_in, 'row')} in = {batch.accepted:,} accepted + {batch.quarantined:,} quarantined + "
            f"{counted(batch.duplicates, 'duplicate')}; version {batch.version}"
        )
    click.echo(f"tables: {run.warehouse.location('ingest_batches')}, {run.warehouse.location('quarantine')}")


@click.command("build-features")
@where
@as_of_option
@force_option
@click.pass_context
def build_features_command(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Build the feature table of an as-of from pinned sources."""
    run = run_of(settings_of(ctx, project, environment), as_of, force)
    build = run.build
    click.echo(f"table: {run.warehouse.location(build.table)} version {build.version}, build {build.build[:12]}")


@click.command("train")
@where
@as_of_option
@force_option
@click.pass_context
def train_command(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Train model and baseline; the model becomes challenger."""
    run = run_of(settings_of(ctx, project, environment), as_of, force)
    version, _ = run.train()
    click.echo(f"next: solvent evaluate --project {project} --environment {environment} --model {version.version}")


@click.command("evaluate")
@where
@model_option(CHALLENGER)
@force_option
@click.pass_context
def evaluate_command(ctx: click.Context, project: str, environment: str, which: str, force: bool) -> None:
    """Evaluate a version, its rival and the baseline on its holdout."""
    run = run_of(settings_of(ctx, project, environment), force=force)
    run.evaluate(run.find(which))
    click.echo(f"table: {run.warehouse.location('evaluations')}")


@click.command("release")
@where
@model_option(CHALLENGER)
@click.pass_context
def release_command(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Apply the gates to a version; if it passes, it becomes champion. Exit code 3 if not."""
    run = run_of(settings_of(ctx, project, environment))
    decided = run.release(run.evaluate(run.find(which)))
    if not decided.passed:
        raise RefusedError(f"{project} version {decided.to_version}: {decided.reason}")


@click.command("report")
@where
@model_option(CHALLENGER)
@click.pass_context
def report_command(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Write the HTML page of a version."""
    run = run_of(settings_of(ctx, project, environment))
    run.report(run.evaluate(run.find(which), looking_back=True), environment)


@click.command("pipeline")
@where
@as_of_option
@force_option
@click.option(
    "--release/--no-release", "releasing", default=False, help="Make the model champion if it passes the gates."
)
@click.pass_context
def pipeline_command(
    ctx: click.Context, project: str, environment: str, as_of: date, force: bool, releasing: bool
) -> None:
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
    mlflow = shlex.quote(os.path.relpath(Path(sys.executable).with_name("mlflow")))
    models = f"{mlflow} ui --backend-store-uri {shlex.quote(tracking)}" if tracking.startswith("sqlite:") else tracking
    click.echo(f"""
Where to look
  report     {page}
  tables     {run.warehouse.location("evaluations")} and beside it
  MLflow     {without_password(models)}
What to type next
  solvent reproduce --project {project}{rest} --model {version}""")
