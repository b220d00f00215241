"""How many of a model's predictions have a label by now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.monitoring.labels import MATURED, NEVER, PENDING
from solvent.registry import ModelKey, ModelVersion
from solvent.tables import Ledger, Warehouse


@dataclass(frozen=True)
class Coverage:
    """How many predictions of a window have a label, never get one, or wait for it, as seen at an as-of."""

    window: date
    as_of: date
    predictions: int
    matured: int
    never: int
    pending: int


@dataclass(frozen=True)
class CoverageRow:
    """The coverage of a window, and whose predictions it is of."""

    whose: ModelKey
    coverage: Coverage


COVERAGE = Ledger("label_coverage", CoverageRow)


def coverage_of(labelled: DataFrame, window: str, as_of: date) -> list[Coverage]:
    """Predictions by window and state of their label."""
    states = [F.count_if(F.col("label_state") == state).alias(state) for state in (MATURED, NEVER, PENDING)]
    within = F.to_date(F.date_trunc(window, "prediction_time")).alias("window")
    windows = labelled.groupBy(within).agg(F.count(F.lit(1)).alias("predictions"), *states)
    return [Coverage(as_of=as_of, **row.asDict()) for row in windows.orderBy("window").collect()]


def append_coverage(warehouse: Warehouse, version: ModelVersion, covered: list[Coverage]) -> None:
    """Appends the coverage seen at an as-of, once."""
    COVERAGE.append(warehouse, [CoverageRow(version.key, one) for one in covered])
