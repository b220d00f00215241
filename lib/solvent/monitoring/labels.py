"""Labels as they mature: each prediction with its label, once that could be known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.project import Project
from solvent.features.table import labelled_rows
from solvent.sources.pins import Pin, read_source
from solvent.tables.warehouse import Warehouse

MATURED, NEVER, PENDING = "matured", "never", "pending"


def with_labels(predictions: DataFrame, labels: DataFrame, key: Sequence[str], seen_from: datetime) -> DataFrame:
    """Joins predictions to what is known of their labels at a moment.

    Args:
        predictions: The key, and any other columns.
        labels: The key; label DOUBLE, null where there will never be one (a cancelled flight has no delay); label_available_time
            TIMESTAMP.
        key: The natural key, unique on both sides.
        seen_from: Labels count whose available time is before it.

    Returns:
        predictions with label DOUBLE (null unless matured) and label_state STRING: "matured"; "never", if it is known that there is no
        label; or "pending".
    """
    known = labels.select(*key, F.col("label").alias("_label"), F.col("label_available_time").alias("_known_from"))
    due = F.coalesce(F.col("_known_from") < F.lit(seen_from), F.lit(False))
    state = F.when(due & F.col("_label").isNotNull(), F.lit(MATURED)).when(due, F.lit(NEVER)).otherwise(F.lit(PENDING))
    joined = predictions.join(known, list(key), "left").withColumn("label_state", state)
    label = F.when(F.col("label_state") == MATURED, F.col("_label"))
    return joined.withColumn("label", label).drop("_label", "_known_from")


def labels_of(
    warehouse: Warehouse, project: Project, pins: Sequence[Pin], since: datetime, until: datetime
) -> DataFrame:
    """Key, label and label_available_time of the rows of an interval of prediction times."""
    name = project.prediction.source
    pinned = next(pin for pin in pins if pin.source == name)
    rows = labelled_rows(project, read_source(warehouse, project.sources[name], pinned), since, until)
    labels = [F.col("_label").alias("label"), F.col("_label_available_time").alias("label_available_time")]
    return rows.select(*project.predicted.key, *labels)


def matured_predictions(
    warehouse: Warehouse,
    project: Project,
    pins: Sequence[Pin],
    predictions: DataFrame,
    since: datetime,
    until: datetime,
) -> DataFrame:
    """Those of the predictions from a time on whose label was known before another, with their labels."""
    labels = labels_of(warehouse, project, pins, since, until)
    labelled = with_labels(predictions, labels, list(project.predicted.key), until)
    return labelled.where(F.col("label_state") == MATURED)
