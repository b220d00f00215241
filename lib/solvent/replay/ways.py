"""The ways of retraining that a replay compares: which version predicts when, and what is measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import pairwise

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.evaluation import Evaluation, evaluate
from solvent.jobs.context import Context
from solvent.jobs.score import scored_predictions
from solvent.kinds.paired import DaySums, day_sums
from solvent.kinds.slices import ALL
from solvent.monitoring import matured_predictions
from solvent.replay.steps import Step
from solvent.report.replay import Way
from solvent.session import kept

NEVER, POLICY, MONTHLY = "never", "policy", "monthly"
WAYS = {POLICY: "retrained by policy", NEVER: "never retrained", MONTHLY: "retrained every month"}
ROLES = {POLICY: "challenger", NEVER: "baseline", MONTHLY: "champion"}
WEEK = "_week"


@dataclass(frozen=True)
class Reign:
    """The span of prediction times, [since, until), in which a version predicts."""

    version: int
    since: datetime
    until: datetime


def reigns_of(context: Context, steps: Sequence[Step]) -> dict[str, list[Reign]]:
    """Who predicts when, by way of retraining."""
    ends = [context.project.windows.at(one.as_of).holdout_end for one in steps]
    versions = {
        NEVER: [steps[0].champion_after for _ in steps[1:]],
        POLICY: [one.champion_after for one in steps[:-1]],
        MONTHLY: [one.monthly_after for one in steps[:-1]],
    }
    return {
        way: [Reign(version, *span) for version, span in zip(which, pairwise(ends), strict=True)]
        for way, which in versions.items()
    }


def merge_reigns(reigns: Sequence[Reign]) -> list[Reign]:
    """Neighbouring reigns of one version as one."""
    found: list[Reign] = []
    for one in reigns:
        if found and found[-1].version == one.version:
            found[-1] = Reign(one.version, found[-1].since, one.until)
        else:
            found.append(one)
    return found


def labelled_predictions(context: Context, reigns: Sequence[Reign]) -> DataFrame:
    """What the versions of reigns predicted, each in its time, with the labels that have matured; scores what was not scored.

    Returns:
        Key, slices, prediction_time, prediction, label.
    """
    parts = []
    for one in merge_reigns(reigns):
        version = context.registry.find(context.project.project, str(one.version))
        parts.append(scored_predictions(context, version, one.since, one.until))
    predicted, (since, until) = reduce(DataFrame.unionByName, parts), (reigns[0].since, midnight(context.as_of))
    return matured_predictions(context.warehouse, context.project, context.pins, predicted, since, until)


def metrics_by_week(context: Context, labelled: DataFrame) -> Evaluation:
    """The metrics of every week (from Monday, UTC) as values of a slice, and of all weeks together."""
    rows = labelled.withColumn(WEEK, F.date_format(F.date_trunc("week", "prediction_time"), "yyyy-MM-dd"))
    measures = context.project.evaluation.model_copy(update={"slices": (WEEK,)})
    return evaluate(rows, context.project.model.kind, measures, context.project.predicted.key)


def way_of(context: Context, role: str, name: str, reigns: Sequence[Reign]) -> tuple[Way, DaySums]:
    """The metrics of a way of retraining, over all weeks and in each; and its sums by day, to compare it with others."""
    measures = context.project.evaluation
    with kept(labelled_predictions(context, reigns)) as labelled:
        found = metrics_by_week(context, labelled).measurements
        sums = day_sums(labelled, kind=context.project.model.kind, threshold=measures.threshold)
    weeks = {
        metric: [
            (date.fromisoformat(one.slice_value), one) for one in found if (one.slice, one.metric) == (WEEK, metric)
        ]
        for metric in measures.metrics
    }
    return Way(role, name, {one.metric: one for one in found if one.slice == ALL}, weeks), sums
