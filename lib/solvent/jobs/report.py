"""The job that writes the page of a version."""

from __future__ import annotations

from pathlib import Path

import click

from solvent.features.columns import declared
from solvent.importance import importances
from solvent.jobs.context import Context, find_model, open_context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.options import model_option, settings_of, where
from solvent.jobs.release import compare_by_day, gate_results
from solvent.registry import CHALLENGER, CHAMPION
from solvent.release import Review, decisions, leads_of
from solvent.report import ModelPage, model_page, page_of_review, write_page
from solvent.training import BASELINE


@click.command("report")
@where
@model_option(CHALLENGER)
@click.pass_context
def report_command(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Write the HTML page of a version."""
    context = open_context(settings_of(ctx, project, environment))
    version = find_model(context, which)
    write_report(context, evaluate_version(context, version, looking_back=True), environment)


def write_report(context: Context, review: Review, environment: str) -> Path:
    """Writes the page of a version; one that says the same is left as it is.

    Args:
        context: The run.
        review: The version and what it is compared with.
        environment: As the user named it, for the command on the page.
    """
    version = review.version
    path = Path(context.settings.environment.reports) / version.name / f"version_{version.version}.html"
    with context.step("report") as say:
        written = write_page(path, model_page(version_page(context, review, environment)))
        say(f"{path}{'' if written else ' there already'}")
    return path


def version_page(context: Context, review: Review, environment: str) -> ModelPage:
    """What the page of a version tells."""
    version, training, project = review.version, review.training, context.project
    made = [one for one in decisions(context.warehouse, to_version=version.version) if one.kind != "rollback"]
    leads = leads_of(project, review, compare_by_day(context, review, {BASELINE, CHAMPION}))
    strength = importances(context.models.load(version), training.holdout_rows, training.inputs.names)
    gates = made[-1].gates if made and made[-1].gates else gate_results(context, review)
    return page_of_review(
        *(project, review, context.registry.manifest(version), gates, made[-1] if made else None),
        *(leads, strength, declared(context.settings.groups), environment),
    )
