"""The job that does what leads from landing files to a champion and its page, in one session."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import date
from pathlib import Path

import click

from solvent.errors import RefusedError
from solvent.jobs.context import Context, open_context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.options import as_of_option, force_option, settings_of, where
from solvent.jobs.release import release_version
from solvent.jobs.report import write_report
from solvent.jobs.train import train_models
from solvent.registry import ModelVersion, without_password
from solvent.release import require_committed


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
    context = open_context(settings_of(ctx, project, environment), as_of, force)
    if releasing:
        require_committed(context.commit, context.settings.root)
    ingest_files(context)
    version, _ = train_models(context)
    review = evaluate_version(context, version)
    decided = release_version(context, review) if releasing else None
    path = write_report(context, review, environment)
    click.echo(summary(context, version, environment, path))
    if decided is not None and not decided.passed:
        raise RefusedError(f"{version}: {decided.reason}")


def summary(context: Context, version: ModelVersion, environment: str, page: Path) -> str:
    """Where to look, and what to type next."""
    tracking = context.settings.environment.mlflow.tracking_uri
    mlflow = shlex.quote(os.path.relpath(Path(sys.executable).with_name("mlflow")))
    models = f"{mlflow} ui --backend-store-uri {shlex.quote(tracking)}" if tracking.startswith("sqlite:") else tracking
    return f"""
Where to look
  report     {page}
  tables     {context.warehouse.location("evaluations")} and beside it
  MLflow     {without_password(models)}
What to type next
  solvent reproduce {context.project.options(environment)} --model {version.version}"""
