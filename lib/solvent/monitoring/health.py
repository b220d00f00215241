"""The health of sources and of a model: how far behind each source is, how old the model, and how fast it scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN
from solvent.registry import ModelKey, ModelVersion
from solvent.session import at_once
from solvent.sources.pins import BATCH, Pin, last_batches, source_table, with_times
from solvent.tables import Between, Ledger, Warehouse

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
    age_days: Annotated[int, "INT"]
    rows: int
    seconds: float
    rows_per_second: float


@dataclass(frozen=True)
class ModelHealthRow:
    """The health of a model, and whose it is."""

    whose: ModelKey
    health: ModelHealth


HEALTH, MODEL_HEALTH = Ledger("source_health", Health), Ledger("model_health", ModelHealthRow)


def append_model_health(
    warehouse: Warehouse, version: ModelVersion, trained: date, rows: int, seconds: float, as_of: date
) -> ModelHealth:
    """Enters how old a model is, and how fast it scored its last batch, once."""
    found = ModelHealth(as_of, trained, (as_of - trained).days, rows, seconds, rows / seconds)
    MODEL_HEALTH.append(warehouse, [ModelHealthRow(version.key, found)])
    return found


def append_health(warehouse: Warehouse, project: Project, pins: Sequence[Pin], as_of: date) -> list[Health]:
    """Looks at every source, and appends what it found, once. Only the rows of last batches are read."""
    sources = [pin.source for pin in pins]
    batches = last_batches(warehouse, sources)
    before = HEALTH.latest(warehouse, "newest_event_time", "source", sources, as_of=Between(None, as_of))
    seen = at_once(lambda pin: newest_event(warehouse, project, pin, batches[pin.source].batch, as_of), list(pins))
    found = []
    for pin, newest in zip(pins, seen, strict=True):
        batch = batches[pin.source]
        known = (newest, before[pin.source].newest_event_time if pin.source in before else None)
        latest = max((one for one in known if one is not None), default=None)
        figures = (batch.accepted, batch.quarantined, batch.duplicates)
        found.append(Health(pin.source, as_of, pin.version, pin.rows, *figures, latest, hours_until(as_of, latest)))
    HEALTH.append(warehouse, found)
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
