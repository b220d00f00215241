"""The job that trains model and baseline."""

from __future__ import annotations

from datetime import date

import click

from solvent.config.base import counted
from solvent.config.estimator import Estimator
from solvent.identity import Manifest, lock_remark
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.context import Context, open_context
from solvent.jobs.options import as_of_option, force_option, settings_of, where
from solvent.jobs.trainings import training_on
from solvent.registry import CHALLENGER, ModelVersion
from solvent.training import baseline_name, train, written


@click.command("train")
@where
@as_of_option
@force_option
@click.pass_context
def train_command(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Train model and baseline; the model becomes challenger."""
    version, _ = train_models(open_context(settings_of(ctx, project, environment), as_of, force))
    click.echo(f"next: solvent evaluate --project {project} --environment {environment} --model {version.version}")


def train_models(context: Context) -> tuple[ModelVersion, ModelVersion]:
    """The model and the baseline of a run's as-of; the model becomes challenger."""
    project, build = context.project, build_feature_table(context)
    trainings = [
        training_on(context, project.project, project.model, build),
        training_on(context, baseline_name(project.project), project.baseline, build),
    ]
    with context.step("train", f"{project.model.name} and {project.baseline.name} learn") as say:
        registry = context.registry
        found = train(context.warehouse, registry, trainings, context.force)
        for (version, model), training in zip(found, trainings, strict=True):
            if model is not None:
                context.models.add(version, model)
            say(training_text(version, training.estimator, registry.manifest(version), model is not None))
        made = any(model is not None for _, model in found)
        if made and (remark := lock_remark(context.settings.root)) is not None:
            say(remark)
    (challenger, _), (baseline, _) = found
    for remark in registry.manifest(challenger).remarks:
        context.say(f"{'look at':<10} {remark}")
    registry.set_alias(project.project, CHALLENGER, challenger.version)
    return challenger, baseline


def training_text(version: ModelVersion, estimator: Estimator, manifest: Manifest, made: bool) -> str:
    """What came of a training, and what its search chose if there was one, in a line."""
    said = f"{version} {'made' if made else 'there already'}: {estimator.name}, digest {version.digest[:12]}"
    if manifest.search is None:
        return said
    candidates = counted(len(manifest.search["candidates"]), "candidate")
    return f"{said}, chosen {written(manifest.search['chosen'])} of {candidates}"
