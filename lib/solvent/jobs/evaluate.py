"""The job that measures a version beside those it is compared with."""

from __future__ import annotations

from dataclasses import replace

import click

from solvent.errors import EvaluationError
from solvent.evaluation import Evaluation
from solvent.jobs.context import Context, find_model, open_context
from solvent.jobs.options import force_option, model_option, settings_of, where
from solvent.jobs.trainings import trained_before
from solvent.kinds.slices import ALL
from solvent.registry import CHALLENGER, ModelVersion
from solvent.release import Compared, Review, Shared, rival_of
from solvent.training import Training, evaluation_of, find_baseline, in_words, unseen


@click.command("evaluate")
@where
@model_option(CHALLENGER)
@force_option
@click.pass_context
def evaluate_command(ctx: click.Context, project: str, environment: str, which: str, force: bool) -> None:
    """Evaluate a version, its rival and the baseline on its holdout."""
    context = open_context(settings_of(ctx, project, environment), force=force)
    evaluate_version(context, find_model(context, which))
    click.echo(f"table: {context.warehouse.location('evaluations')}")


def evaluate_version(context: Context, version: ModelVersion, looking_back: bool = False) -> Review:
    """Challenger, champion and baseline on the holdout of a version.

    Args:
        context: The run.
        version: The challenger.
        looking_back: Take the champion of the time at which the version was released, if it was.
    """
    warehouse, registry, metric = context.warehouse, context.registry, context.project.evaluation.metrics[0]
    made: list[bool] = []

    def measured(training: Training, one: ModelVersion) -> Evaluation:
        found, new = evaluation_of(warehouse, registry, training, one, context.models.load, context.force)
        made.append(new)
        return found

    with context.step("evaluate", f"{version} is measured") as say:
        training, baseline = trained_before(context, version), find_baseline(registry, version)
        compared, shared = Compared(measured(training, version), None, measured(training, baseline)), None
        say(f"on {in_words(training)} {headline(f'{version}', compared.challenger, metric)}")
        say(headline("baseline", compared.baseline, metric))
        rival = rival_of(warehouse, registry, version, looking_back)
        if rival is not None:
            try:
                shared = unseen(training, rival, registry.manifest(rival))
                against = measured(shared, rival)
                compared = replace(compared, champion=against)
                if shared.measured_from is not None:
                    beside = Shared(measured(shared, version), in_words(shared))
                    compared = replace(compared, shared=beside)
                    say(f"on {beside.rows} only, as the champion has learned from what is before")
                    say(headline(f"{version}", beside.evaluation, metric))
                say(headline(f"champion (version {rival.version})", against, metric))
            except EvaluationError as error:
                compared, shared = replace(compared, champion=str(error)), None
                say(f"champion cannot be evaluated: {error}")
        if not any(made):
            say("all there already")
    return Review(version, baseline, rival, compared, training, shared)


def headline(name: str, found: Evaluation, metric: str) -> str:
    """A metric of a model with its interval."""
    one = next(one for one in found.measurements if one.slice == ALL and one.metric == metric)
    if one.value is None:
        return f"{name}: {metric} {one.method}"
    interval = f" [{one.low:.4f}, {one.high:.4f}]" if one.low is not None and one.high is not None else ""
    return f"{name}: {metric} {one.value:.4f}{interval}"
