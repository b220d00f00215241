"""The rows of an interval with their features, from the sources at their pins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import DataFrame

from solvent.config.project import Project
from solvent.features import FeatureGroup
from solvent.features.table import featured, read_once
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
