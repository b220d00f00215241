"""The predictions of two models for the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.measures import Measures
from solvent.evaluation.comparison import BINS
from solvent.kinds import KINDS, paired_metrics
from solvent.kinds.paired import DaySums, Lead, lead
from solvent.kinds.slices import quoted
from solvent.training import Training, predict_holdout

EXAMPLES = 10


def scored_by_both(training: Training, before: PipelineModel, after: PipelineModel) -> DataFrame:
    """What predict_holdout gives of the second model, and the prediction of the first as _before."""
    key = training.project.predicted.key
    theirs = predict_holdout(training, before).select(*map(quoted, key), F.col("prediction").alias("_before"))
    return predict_holdout(training, after).join(theirs, list(key))


def leads_between(ours: DaySums, theirs: DaySums, measures: Measures) -> dict[str, Lead]:
    """Metric -> how far one model is ahead of the other by their sums by day, of metrics for which that has an interval."""
    return {name: lead(name, ours, theirs, confidence=measures.confidence) for name in paired_metrics(measures.metrics)}


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
