"""The rows of an interval with their features, from the sources at their pins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.project import Project
from solvent.features import FeatureGroup
from solvent.features.table import featured, read_once
from solvent.registry import ModelVersion
from solvent.scoring.batches import Interval, ScoreBatch, batches
from solvent.sources.pins import Pin, read_sources
from solvent.tables import Warehouse


@contextmanager
def rows_read_once(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    pins: Sequence[Pin],
    since: datetime,
    until: datetime,
) -> Iterator[DataFrame]:
    """The rows of feature_rows, for as long as what is read of their sources is kept."""
    with read_once(project, groups, read_sources(warehouse, project, pins), since, until) as sources:
        yield feature_rows(project, groups, sources, since, until)


def feature_rows(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], since: datetime, until: datetime
) -> DataFrame:
    """Key, slices, prediction_time and features of the rows of an interval; no label."""
    return featured(project, groups, sources, since, until).drop("label", "label_available_time")


def rows_as_scored(
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
