"""Sources as the stages read them: pinned, verified, with derived columns and times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted, midnight
from solvent.config.project import Project
from solvent.config.source import Source
from solvent.errors import FeatureError, IntegrityError, TableError
from solvent.identity import Manifest
from solvent.tables import Content, Ledger, Warehouse, content_of, declarations
from solvent.tables.columns import as_written, named, schema_of

# Columns of a source beside those declared: the batch and the file that brought a row.
BATCH, FILE = "_batch", "_file"


@dataclass(frozen=True)
class IngestedBatch:
    """A batch of a source that is complete.

    Attributes:
        source: Its name.
        batch: Digest of the names and contents of its files.
        sequence: Its number among those of the source.
        rows_in: accepted + quarantined + duplicates.
        accepted: Rows that were stored.
        quarantined: Rows that were refused.
        duplicates: Rows that were there.
        table_id: Delta's id of the source's table.
        version: The version of that table that has its rows.
        version_timestamp: When it was committed.
        content: Of the rows accepted; see Content.
        total_content: Of all rows of the source by then.
        ingested_at: When it was complete.
    """

    source: str
    batch: str
    sequence: int
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    table_id: str
    version: int
    version_timestamp: str
    content: str
    total_content: str
    ingested_at: datetime


@dataclass(frozen=True)
class RefusedRow:
    """A row of a landing file that its source does not accept, as it was, and why."""

    source: str
    batch: str
    file: str
    reason: str
    raw: str


BATCHES, QUARANTINE = Ledger("ingest_batches", IngestedBatch), Ledger("quarantine", RefusedRow)


@dataclass(frozen=True)
class Pin:
    """A source table at one version: what a run reads, and the digest of what is in it."""

    source: str
    table_id: str
    version: int
    timestamp: str
    rows: int
    digest: str

    def document(self) -> dict[str, object]:
        """The pin as JSON values."""
        return asdict(self)


def pins_of(manifest: Manifest) -> tuple[Pin, ...]:
    """What a model's features were built from."""
    return tuple(Pin(**pin) for pin in manifest["pins"])


def source_table(source: str) -> str:
    """The Delta table of a source."""
    return f"source_{source}"


def source_pins(warehouse: Warehouse, project: Project) -> tuple[Pin, ...]:
    """Every source of a project as its last complete ingest left it.

    Raises:
        TableError: If a source was never ingested.
    """
    found = last_batches(warehouse, project.sources)
    if not found and not BATCHES.count(warehouse):
        raise TableError(
            f"{warehouse.location(BATCHES.table)}: nothing was ingested; run `solvent ingest --project {project.project}`"
        )
    missing = sorted(set(project.sources) - set(found))
    if missing:
        raise TableError(
            f"source {missing[0]}: was never ingested; put files into its landing folder and run `solvent ingest`"
        )
    return tuple(pin(name, source, found[name]) for name, source in sorted(project.sources.items()))


def last_batches(warehouse: Warehouse, sources: Iterable[str]) -> dict[str, IngestedBatch]:
    """The last complete batch of each source that has one."""
    return BATCHES.latest(warehouse, "sequence", "source", sources)


def pin(name: str, source: Source, last: IngestedBatch) -> Pin:
    """The pin that the last batch of a source gives."""
    content = Content.parse(last.total_content)
    digest = content.digest(named(schema_of(source.columns)))
    return Pin(name, last.table_id, last.version, last.version_timestamp, content.rows, digest)


def read_source(warehouse: Warehouse, source: Source, pinned: Pin) -> DataFrame:
    """The facts of a source at its pin.

    Returns:
        Its declared and derived columns, event_time TIMESTAMP, available_time TIMESTAMP.

    Raises:
        IntegrityError: If the table is not the one that was pinned, or its log tells of another number of rows at that version.
        TableError: If the version can no longer be read.
    """
    table = source_table(pinned.source)
    identity = warehouse.id_of(table)
    if identity != pinned.table_id:
        found = "there is none" if identity is None else f"the one there has id {identity}"
        raise IntegrityError(f"{warehouse.location(table)}: the table pinned has id {pinned.table_id}; {found}")
    rows = warehouse.rows_at(table, pinned.version)
    if rows is not None and rows != pinned.rows:
        raise IntegrityError(
            f"{warehouse.location(table)}: version {pinned.version} had {counted(pinned.rows, 'row')} when it was pinned, and has "
            f"{rows:,}: the table or its log was changed past Solvent; restore it"
        )
    return with_times(warehouse.read(table, pinned.version).select(*(column.name for column in source.columns)), source)


def read_sources(warehouse: Warehouse, project: Project, pins: Sequence[Pin]) -> dict[str, DataFrame]:
    """The facts of every source at its pin, by source; see read_source."""
    return {pin.source: read_source(warehouse, project.sources[pin.source], pin) for pin in pins}


def with_times(facts: DataFrame, source: Source) -> DataFrame:
    """Declared columns with the derived ones and both times."""
    for name, expression in source.derive.items():
        facts = facts.withColumn(name, F.expr(expression))
    return facts.select(
        *source.names,
        F.expr(source.event_time).alias("event_time"),
        F.expr(source.available_time).alias("available_time"),
    )


def verified_content(warehouse: Warehouse, source: Source, pinned: Pin) -> str:
    """The digest of what a pinned version holds now, by reading all of it.

    Pins from before types had one name each were made with those that were written: where their content is found, their digest is.
    """
    names = [column.name for column in source.columns]
    frame = warehouse.read(source_table(pinned.source), pinned.version).select(*names)
    content = content_of(frame, names)
    earlier = content.digest(as_written(source.ddl))
    return earlier if earlier == pinned.digest else content.digest(declarations(frame, names))


def latest_interval(
    warehouse: Warehouse, project: Project, pins: Sequence[Pin], days: int
) -> tuple[datetime, datetime]:
    """The latest days of prediction times that there are, [since, until), in whole days UTC.

    Raises:
        FeatureError: If the source has no row.
    """
    name = project.prediction.source
    pinned = next(pin for pin in pins if pin.source == name)
    facts = read_source(warehouse, project.sources[name], pinned)
    last = facts.agg(F.date_format(F.max(F.expr(project.prediction.time)), "yyyy-MM-dd").alias("last")).collect()[0][0]
    if last is None:
        raise FeatureError(f"source {name}: has no row to score")
    until = midnight(datetime.fromisoformat(last).date()) + timedelta(days=1)
    return until - timedelta(days=days), until
