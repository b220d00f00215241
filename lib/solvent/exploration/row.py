"""One row as a model was given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.errors import ConfigurationError, RefusedError
from solvent.estimators.spark_ml import predict
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.kinds.slices import quoted
from solvent.registry import ModelVersion
from solvent.scoring import batches, predictions_table, rows_as_scored
from solvent.sources.pins import Pin

DAY = timedelta(days=1)


@dataclass(frozen=True)
class ScoredRow:
    """A row as a model was given it.

    Attributes:
        version: The model.
        model: Its pipeline, loaded once.
        key: Column -> value.
        at: Its prediction time.
        features: One row: key, slices, features.
        pins: The versions of the sources that its features were built from.
    """

    version: ModelVersion
    model: PipelineModel
    key: Mapping[str, Any]
    at: datetime
    features: DataFrame
    pins: tuple[Pin, ...]


def find_row(context: Context, version: ModelVersion, key: Mapping[str, Any] | None = None) -> ScoredRow:
    """A row of a model's holdout, or one that it scored since.

    Args:
        context: The project.
        version: The model.
        key: Column -> value; the row of the holdout with the highest score if None.

    Raises:
        ConfigurationError: If the key is not that of the predicted source.
        RefusedError: If the model has not seen such a row.
    """
    training = trained_before(context, version)
    names, model = context.project.predicted.key, context.models.load(version)
    if key is None:
        scored = predict(model, training.in_holdout, context.project.model.kind, names)
        best = scored.orderBy(F.desc("prediction"), *map(quoted, names)).select(*map(quoted, names)).limit(1).collect()
        key = best[0].asDict()
    require_key(key, names)
    found = local(training.in_holdout.where(matches(key)).drop("label", "label_available_time"))
    if found is not None:
        return ScoredRow(version, model, key, found[1], found[0], tuple(training.pins))
    return served_row(context, version, model, key)


def require_key(key: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuses a key with other columns than that of the predicted source."""
    if set(key) != set(names):
        raise ConfigurationError(f"key: has {', '.join(sorted(key)) or 'no column'}; give {', '.join(names)}")


def matches(key: Mapping[str, Any]) -> Expression:
    """Whether a row has the values of a key."""
    return reduce(and_, (quoted(name).eqNullSafe(F.lit(value)) for name, value in key.items()))


def local(rows: DataFrame) -> tuple[DataFrame, datetime] | None:
    """The one row, read once, and its prediction time; None if there is none."""
    # Spark gives a time as the driver's local clock reads, so it is read as text.
    at = F.date_format("prediction_time", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS").alias("_at")
    features = rows.drop("prediction_time")
    found = rows.select(*map(quoted, features.columns), at).limit(1).collect()
    if not found:
        return None
    *values, moment = found[0]
    return rows.sparkSession.createDataFrame([tuple(values)], features.schema), datetime.fromisoformat(
        f"{moment}+00:00"
    )


def served_row(context: Context, version: ModelVersion, model: PipelineModel, key: Mapping[str, Any]) -> ScoredRow:
    """A row that a model scored, with the features built from the sources of its batch, as they were."""
    table = predictions_table(context.project, context.settings.groups)
    scored = batches(context.warehouse, version.digest)
    mine = (
        context.warehouse.read(table).where(matches(key) & (F.col("model_digest") == version.digest))
        if scored
        else None
    )
    day = F.date_format("prediction_time", "yyyy-MM-dd").alias("day")
    rows = mine.select("batch", day).limit(1).collect() if mine is not None else []
    if not rows:
        named = ", ".join(f"{name}={value}" for name, value in key.items())
        raise RefusedError(
            f"row {named}: neither in the holdout of {version} nor scored by it; run `solvent score`, or take another"
        )
    since = datetime.fromisoformat(f"{rows[0]['day']}T00:00+00:00")
    features = rows_as_scored(context.warehouse, context.project, context.settings.groups, version, since, since + DAY)
    found = local(features.where(matches(key)).drop("prediction"))
    if found is None:
        raise RefusedError(
            f"{version}: the sources of batch {rows[0]['batch'][:12]} give no features for the row any more"
        )
    pins = next(one.pins for one in scored if one.batch == rows[0]["batch"])
    return ScoredRow(version, model, key, found[1], found[0], pins)
