"""What was measured of a model, window by window: of its holdout, which says what to expect, and of its life.

Each window is measured once its labels had time to arrive, and again as long as late ones may come; a measurement that changed is a further
row with a later as-of, and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.evaluation import Measurement
from solvent.monitoring.windows import WindowMeasurement
from solvent.registry import ModelKey, ModelVersion
from solvent.tables import Ledger, Warehouse

REFERENCE, LIFE = "reference", "life"
Position = tuple[str, date, str, str, str]


@dataclass(frozen=True)
class PerformanceRow:
    """A measurement of a window of a model, in its holdout or its life, as it was at an as-of."""

    whose: ModelKey
    phase: str
    window: date
    as_of: date
    measured: Measurement


PERFORMANCE = Ledger("performance", PerformanceRow)


class Figure(NamedTuple):
    """A measurement as it is judged: on how many rows, what came out, and when it was first measured."""

    n: int
    value: float | None
    first: date


def reference_measured(warehouse: Warehouse, version: ModelVersion) -> bool:
    """Whether the windows of a model's holdout were measured before."""
    return PERFORMANCE.last(warehouse, "as_of", model_digest=version.digest, phase=REFERENCE) is not None


def measured_until(measured: Mapping[Position, Figure], last: datetime, length: timedelta, as_of: date) -> datetime:
    """The end of what was measured of a life before an as-of, so that no window is left out however seldom it is looked at.

    What was measured at that as-of does not count, so that who looks again looks at the same. It is 1970 before the first time.
    """
    ends = [
        window + length for (phase, window, *_), figure in measured.items() if phase == LIFE and figure.first < as_of
    ]
    return min(last, midnight(max(ends))) if ends else datetime(1970, 2, 1, tzinfo=UTC)


def performance(warehouse: Warehouse, version: ModelVersion, as_of: date) -> dict[Position, Figure]:
    """The latest measurement up to an as-of of every phase, window, slice value and metric of a model: some hundreds a day."""
    mine = (F.col("model_digest") == version.digest) & (F.col("as_of") <= F.lit(as_of))
    rows = PERFORMANCE.frame(warehouse).where(mine)
    place = ("phase", "window", "slice", "slice_value", "metric")
    latest = rows.groupBy(*place).agg(
        F.max(F.struct("as_of", "n", "value")).alias("latest"), F.min("as_of").alias("first")
    )
    # As Arrow, because rows of Python objects would take longer than all else that grows with a model's life.
    found = latest.select(*place, "latest.n", "latest.value", "first").toArrow().to_pydict()
    figures = map(Figure, found["n"], found["value"], found["first"])
    return dict(zip(zip(*(found[name] for name in place), strict=True), figures, strict=True))


def append_changed(
    warehouse: Warehouse,
    version: ModelVersion,
    phase: str,
    as_of: date,
    found: Iterable[WindowMeasurement],
    there: Mapping[Position, Figure],
) -> list[date]:
    """Appends measurements that are not what is there already; their windows."""
    rows = []
    for one in found:
        measured = one.measured
        latest = there.get((phase, one.window, measured.slice, measured.slice_value, measured.metric))
        if latest is not None and (latest.n, latest.value) == (measured.n, measured.value):
            continue
        rows.append(PerformanceRow(version.key, phase, one.window, as_of, measured))
    PERFORMANCE.append(warehouse, rows)
    return sorted({row.window for row in rows})
