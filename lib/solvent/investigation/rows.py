"""The rows around a change, as the model was given them.

Predictions hold no features. They are built again with the versions of the sources that each batch was scored with, never with the present
ones: what came in late would heal what the model was not given. That costs as much as scoring those days, and is done at an alarm only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.project import Project
from solvent.features import Feature, FeatureGroup
from solvent.features.table import predicted_within
from solvent.identity import Manifest
from solvent.investigation.span import COMPARED, Span
from solvent.kinds import KINDS
from solvent.kinds.slices import ALL, quoted, slice_value
from solvent.monitoring.labels import MATURED, labels_of, with_labels
from solvent.monitoring.streams import Stream
from solvent.registry import ModelVersion
from solvent.scoring import Interval, ScoreBatch, batches, feature_rows
from solvent.sources.pins import Pin, read_sources
from solvent.tables.warehouse import Warehouse


@dataclass(frozen=True)
class Case:
    """A model that is looked into, and what its rows are made of.

    Attributes:
        warehouse: The project's tables.
        project: Declares features, slices and label.
        groups: Its feature groups.
        version: The model.
        manifest: Of the model.
        holdout: Gives the rows of its holdout: key, slices, features, prediction_time, prediction, label.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.
    """

    warehouse: Warehouse
    project: Project
    groups: Sequence[FeatureGroup]
    version: ModelVersion
    manifest: Manifest
    holdout: Callable[[], DataFrame]
    pins: Sequence[Pin]
    as_of: date


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
    scored = served(warehouse, project, case.groups, version, since, end)
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


def served(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    since: datetime,
    until: datetime,
) -> DataFrame:
    """The rows that a model scored in an interval, with the features it was given: built from the pins of their batches."""
    by_pins: dict[tuple[str, tuple[Pin, ...]], list[ScoreBatch]] = {}
    for batch in batches(warehouse, version.digest):
        if batch.since < until and batch.until > since:
            by_pins.setdefault((batch.table, batch.pins), []).append(batch)
    frames = []
    for (table, pins), some in by_pins.items():
        interval = Interval(
            max(since, min(one.since for one in some)), min(until, max(one.until for one in some)), pins
        )
        sources = read_sources(warehouse, project, pins)
        features = feature_rows(project, groups, sources, interval.since, interval.until)
        theirs = warehouse.read(table).where(F.col("batch").isin([one.batch for one in some]))
        frames.append(features.join(theirs.select(*project.predicted.key, "prediction"), list(project.predicted.key)))
    return reduce(DataFrame.unionByName, frames)


def scope_of(stream: Stream) -> tuple[str, Expression]:
    """What part of the rows is looked at: all, unless only one slice value raised the alarm."""
    if stream.slice == ALL or stream.of_feature:
        return "", F.lit(True)
    return f"{stream.slice} {stream.slice_value}", slice_value(stream.slice) == stream.slice_value
