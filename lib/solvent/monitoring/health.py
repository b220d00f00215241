"""The health of sources and of a model: how far behind each source is, how old the model, and how fast it scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime

from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.expressions import Column
from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN
from solvent.monitoring.findings import WHOSE, append_once, whose
from solvent.registry import ModelVersion
from solvent.session import at_once
from solvent.sources.pins import BATCH, Pin, last_batches, source_table, with_times
from solvent.tables.warehouse import Warehouse

HEALTH = "source_health"
HEALTH_COLUMNS = (
    Column("source", "STRING"),
    Column("as_of", "DATE"),
    Column("version", "BIGINT"),
    Column("rows", "BIGINT"),
    Column("accepted", "BIGINT"),
    Column("quarantined", "BIGINT"),
    Column("duplicates", "BIGINT"),
    Column("newest_event_time", "STRING"),
    Column("hours_behind", "DOUBLE"),
)
MODEL_HEALTH = "model_health"
MODEL_HEALTH_COLUMNS = (
    *WHOSE,
    Column("as_of", "DATE"),
    Column("trained", "DATE"),
    Column("age_days", "INT"),
    Column("rows", "BIGINT"),
    Column("seconds", "DOUBLE"),
    Column("rows_per_second", "DOUBLE"),
)
# As text, because Spark gives a time as the driver's local clock reads.
UTC_TEXT = "yyyy-MM-dd'T'HH:mm:ss'Z'"


@dataclass(frozen=True)
class Health:
    """A source as of a date.

    Attributes:
        source: Its name.
        as_of: The date it is looked at from.
        version: The version of its table.
        rows: All its rows.
        accepted: Rows of its last batch that were stored.
        quarantined: Rows of its last batch that were refused.
        duplicates: Rows of its last batch that were there.
        newest_event_time: The latest event time of its rows that were available before as_of, in UTC; None for a source without times.
        hours_behind: From then until as_of.
    """

    source: str
    as_of: date
    version: int
    rows: int
    accepted: int
    quarantined: int
    duplicates: int
    newest_event_time: str | None
    hours_behind: float | None


@dataclass(frozen=True)
class ModelHealth:
    """A model as of a date.

    Attributes:
        as_of: The date it is looked at from.
        trained: The as-of of its training.
        age_days: From then until as_of.
        rows: Of the last batch that it scored.
        seconds: How long that took.
        rows_per_second: Of that batch.
    """

    as_of: date
    trained: date
    age_days: int
    rows: int
    seconds: float
    rows_per_second: float


def append_model_health(
    warehouse: Warehouse, version: ModelVersion, trained: date, rows: int, seconds: float, as_of: date
) -> ModelHealth:
    """Enters how old a model is, and how fast it scored its last batch, once."""
    warehouse.create(MODEL_HEALTH, MODEL_HEALTH_COLUMNS)
    found = ModelHealth(as_of, trained, (as_of - trained).days, rows, seconds, rows / seconds)
    append_once(warehouse, MODEL_HEALTH, MODEL_HEALTH_COLUMNS, [(*whose(version), *astuple(found))])
    return found


def append_health(warehouse: Warehouse, project: Project, pins: Sequence[Pin], as_of: date) -> list[Health]:
    """Looks at every source, and appends what it found, once. Only the rows of last batches are read."""
    warehouse.create(HEALTH, HEALTH_COLUMNS)
    batches = last_batches(warehouse)
    known = [row for row in warehouse.rows(HEALTH) if row["as_of"] <= as_of]
    seen = at_once(lambda pin: newest_event(warehouse, project, pin, batches[pin.source]["batch"], as_of), list(pins))
    found = []
    for pin, newest in zip(pins, seen, strict=True):
        batch = batches[pin.source]
        before = [row["newest_event_time"] for row in known if row["source"] == pin.source]
        latest = max((one for one in (newest, *before) if one is not None), default=None)
        figures = (batch["accepted"], batch["quarantined"], batch["duplicates"])
        found.append(Health(pin.source, as_of, pin.version, pin.rows, *figures, latest, hours_until(as_of, latest)))
    append_once(warehouse, HEALTH, HEALTH_COLUMNS, [astuple(one) for one in found])
    return found


def newest_event(warehouse: Warehouse, project: Project, pin: Pin, batch: str, as_of: date) -> str | None:
    """The latest event time of a batch's rows that were available before as_of; None if there is none, and for a source without times."""
    source = project.sources[pin.source]
    if source.available_time == ALWAYS_KNOWN:
        return None
    rows = warehouse.read(source_table(pin.source), pin.version).where(F.col(BATCH) == batch)
    times = with_times(rows.select(*(column.name for column in source.columns)), source)
    known = times.where(F.col("available_time") < F.lit(midnight(as_of)))
    newest: str | None = known.agg(F.date_format(F.max("event_time"), UTC_TEXT)).collect()[0][0]
    return newest


def hours_until(as_of: date, moment: str | None) -> float | None:
    """Hours from a time to the start of a date, both in UTC."""
    if moment is None:
        return None
    start = midnight(as_of)
    return round((start - datetime.fromisoformat(moment)).total_seconds() / 3600, 2)
