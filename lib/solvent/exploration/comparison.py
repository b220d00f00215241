"""Two models on the same rows: how good each is, where their predictions differ, and what they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.deployment.canary import Changed, compare_scores
from solvent.evaluation import Evaluation, evaluate_by_day
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.kinds import KINDS, paired
from solvent.kinds.paired import Lead, lead
from solvent.kinds.slices import quoted
from solvent.registry import ModelVersion
from solvent.session import kept
from solvent.training import in_words, predict_holdout, require_inputs, unseen

BINS = 40
EXAMPLES = 10


@dataclass(frozen=True)
class Comparison:
    """Two models on the rows of one holdout.

    Attributes:
        names: Of both, as figures call them.
        rows: The days that both are measured on, in words.
        kind: Of what they predict.
        threshold: At or above it a prediction counts as positive.
        metrics: In the order of model.yml.
        evaluations: Of both.
        leads: Metric -> how far the second is ahead, of those metrics for which that has an interval.
        changed: How predictions change from the first to the second, by slice value.
        limits: The least and the largest prediction of either.
        cells: first, second (numbers of bins, from the least prediction), rows; no row for an empty cell.
        examples: The rows whose predictions differ most: key, label, both predictions.
    """

    names: tuple[str, str]
    rows: str
    kind: str
    threshold: float
    metrics: Sequence[str]
    evaluations: tuple[Evaluation, Evaluation]
    leads: Mapping[str, Lead]
    changed: Sequence[Changed]
    limits: tuple[float, float]
    cells: pd.DataFrame
    examples: pd.DataFrame


def compare(context: Context, before: ModelVersion, after: ModelVersion) -> Comparison:
    """Lets two models score the holdout of the second, as far as the first has not learned from it, and compares them; nothing is written.

    Raises:
        EvaluationError: If too little of the holdout is left, or the first needs a feature that the second's features do not have.
    """
    training = unseen(trained_before(context, after), before, context.registry.manifest(before))
    require_inputs(before, context.registry.manifest(before), training.rows.columns)
    key, measures, kind = context.project.predicted.key, context.project.evaluation, training.estimator.kind
    theirs = predict_holdout(training, context.models.load(before)).select(
        *map(quoted, key), F.col("prediction").alias("_before")
    )
    both = predict_holdout(training, context.models.load(after)).join(theirs, list(key))
    ours, rival = both.drop("_before"), both.drop("prediction").withColumnRenamed("_before", "prediction")
    with kept(both):
        (rivals, before_by_day), (own, after_by_day) = (
            evaluate_by_day(scored, kind, measures, key) for scored in (rival, ours)
        )
        limits = limits_of(both, kind)
        return Comparison(
            names=(str(before), str(after)),
            rows=in_words(training),
            kind=kind,
            threshold=measures.threshold,
            metrics=measures.metrics,
            evaluations=(rivals, own),
            leads={
                name: lead(name, after_by_day, before_by_day, confidence=measures.confidence)
                for name in paired(measures.metrics)
            },
            changed=compare_scores(ours, rival, context.project),
            limits=limits,
            cells=cells_of(both, limits),
            examples=examples_of(both, key),
        )


def limits_of(both: DataFrame, kind: str) -> tuple[float, float]:
    """The span of predictions: all that there can be or, where that is any number, from the least to the largest."""
    limits = KINDS[kind].limits
    if limits is not None:
        return limits
    values = [F.col("prediction"), F.col("_before")]
    low, high = both.agg(F.min(F.least(*values)), F.max(F.greatest(*values))).collect()[0]
    return float(low), float(high) if high > low else float(low) + 1.0


def cells_of(both: DataFrame, limits: tuple[float, float]) -> pd.DataFrame:
    """How many rows have which two predictions, in bins of equal width."""
    low, width = limits[0], (limits[1] - limits[0]) / BINS
    bins = {
        name: F.least(F.floor((F.col(column) - F.lit(low)) / F.lit(width)), F.lit(BINS - 1)).cast("int")
        for name, column in (("first", "_before"), ("second", "prediction"))
    }
    counts = both.select(*(value.alias(name) for name, value in bins.items())).groupBy(*bins)
    found: pd.DataFrame = counts.agg(F.count(F.lit(1)).alias("rows")).toPandas()
    return found


def examples_of(both: DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """The rows whose predictions differ most."""
    apart = F.abs(F.col("prediction") - F.col("_before"))
    most = both.orderBy(F.desc(apart), *map(quoted, key)).limit(EXAMPLES)
    values = [F.round(F.col(name), 4).alias(to) for name, to in (("_before", "first"), ("prediction", "second"))]
    found: pd.DataFrame = most.select(*map(quoted, key), "label", *values).toPandas()
    return found


def changes_table(comparison: Comparison) -> pd.DataFrame:
    """How predictions change by slice value: slice, value, rows, mean_change, low, median, high (1, 50 and 99 %), flipped."""
    return pd.DataFrame(
        {
            "slice": one.slice,
            "value": one.slice_value,
            "rows": one.n,
            "mean_change": round(one.mean_change, 4),
            "low": round(one.low, 4),
            "median": round(one.median, 4),
            "high": round(one.high, 4),
            "flipped": f"{one.flipped:.1%}",
        }
        for one in comparison.changed
    )
