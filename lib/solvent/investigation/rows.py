"""The rows around a change, as the model was given them.

Predictions hold no features. They are built again with the versions of the sources that each batch was scored with, never with the present
ones: what came in late would heal what the model was not given. That costs as much as scoring those days, and is done at an alarm only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.features import Feature
from solvent.features.table import predicted_within
from solvent.investigation.case import Case
from solvent.investigation.span import COMPARED, Span
from solvent.kinds import KINDS
from solvent.kinds.slices import ALL, quoted, slice_value
from solvent.monitoring.labels import MATURED, labels_of, with_labels
from solvent.monitoring.streams import Stream
from solvent.scoring import batches, rows_as_scored


def rows_around(case: Case, used: Sequence[Feature], span: Span) -> DataFrame:
    """The labelled rows of a span; what a life had not begun to have, its holdout's last days stand in for.

    Args:
        case: The model.
        used: Its features.
        span: Which days.

    Returns:
        Key, slices and features; prediction_time TIMESTAMP; prediction, label, loss DOUBLE, never null.
    """
    warehouse, project, version = case.warehouse, case.project, case.version
    key, since, end = project.predicted.key, midnight(span.since), midnight(span.end)
    known = labels_of(warehouse, project, case.pins, since, end)
    scored = rows_as_scored(warehouse, project, case.groups, version, since, end)
    ripe = with_labels(scored, known, key, midnight(case.as_of)).where(F.col("label_state") == MATURED)
    names = dict.fromkeys([*key, *project.evaluation.slices, *(one.name for one in used)])
    columns = [*(quoted(name) for name in names), *map(F.col, ("prediction_time", "prediction", "label"))]
    rows = ripe.select(*columns)
    began = min(batch.since for batch in batches(warehouse, version.digest)).date()
    lacking = min(began - span.since, COMPARED)
    if lacking > timedelta(0):
        last = datetime.fromisoformat(case.manifest["windows"]["holdout_end"])
        before = case.holdout().where(predicted_within(last - lacking, last))
        rows = rows.unionByName(before.select(*columns))
    return rows.withColumn("loss", KINDS[project.model.kind].loss(F.col("label"), F.col("prediction")))


def scope_of(stream: Stream) -> tuple[str, Expression]:
    """What part of the rows is looked at: all, unless only one slice value raised the alarm."""
    if stream.slice == ALL or stream.of_feature:
        return "", F.lit(True)
    return f"{stream.slice} {stream.slice_value}", slice_value(stream.slice) == stream.slice_value
