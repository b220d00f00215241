"""Shadow scores: the champion on probation and the one it replaced, compared on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from solvent.config.base import midnight
from solvent.config.project import Project
from solvent.kinds.paired import DaySums, day_sums
from solvent.monitoring import matured_predictions
from solvent.registry import ModelVersion
from solvent.scoring import batches
from solvent.sources.pins import Pin
from solvent.tables.warehouse import Warehouse
from solvent.training import Training, predict_holdout


def unscored_since(warehouse: Warehouse, version: ModelVersion, since: datetime, until: datetime) -> datetime | None:
    """From when on a version has not scored what it is watched on, [since, until); None if it has all."""
    ends = [one.until for one in batches(warehouse, version.digest) if one.since >= since or one.until >= since]
    start = max([since, *ends])
    return start if start < until else None


def sums_since(
    warehouse: Warehouse,
    project: Project,
    pins: Sequence[Pin],
    predictions: Sequence[DataFrame],
    since: datetime,
    as_of: date,
) -> tuple[DaySums, DaySums]:
    """Sums by day of the new and the old champion on the same matured rows.

    Args:
        warehouse: The project's tables.
        project: Declares key, labels and how they mature.
        pins: The sources.
        predictions: Of the new and of the old champion: key, prediction_time, prediction.
        since: Rows count that are predicted from then on.
        as_of: Labels count that were known before it.
    """
    key, end = list(project.predicted.key), midnight(as_of)
    new, old = predictions

    def sums(mine: DataFrame, other: DataFrame) -> DaySums:
        shared = mine.join(other.select(*key), key, "left_semi")
        matured = matured_predictions(warehouse, project, pins, shared, since, end)
        return day_sums(matured, kind=project.model.kind)

    return sums(new, old), sums(old, new)


def sums_on_holdout(training: Training, models: Sequence[PipelineModel]) -> tuple[DaySums, DaySums]:
    """The same of the models of the new and the old champion on a holdout from which neither has learned."""
    new, old = (day_sums(predict_holdout(training, one), kind=training.estimator.kind) for one in models)
    return new, old
