"""Delta tables of one project: where they are, pinned reads, small tables read at once, idempotent appends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from solvent.config.environment import NAME, Tables
from solvent.config.expressions import Column
from solvent.errors import TableError, TurnError
from solvent.failure import cause, noting
from solvent.session import SPARK_ERRORS
from solvent.tables.columns import arrow_schema, difference, schema_of
from solvent.tables.conditions import matching
from solvent.tables.folder import (
    add_columns_in,
    alone,
    append_to,
    columns_in,
    commits_in,
    log_in,
    make_in,
    rows_in,
    rows_of,
)

# A version can be read only while its log entry and its files are kept: ten years, where Delta's default is a month.
RETENTION = "interval 3650 days"
PROPERTIES = {
    "delta.appendOnly": "true",
    "delta.logRetentionDuration": RETENTION,
    "delta.deletedFileRetentionDuration": RETENTION,
}
RECENT = 30
# A table is a folder, then has a log, then a first version; a writer that comes between fails with one of these.
BEING_MADE = (
    "DELTA_PROTOCOL_CHANGED",
    "DELTA_METADATA_CHANGED",
    "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION",
    "DELTA_TABLE_NOT_FOUND",
)
PAUSES = (0.1, 0.3, 1.0, 3.0)
# As text, because Spark gives a time as the driver's local clock reads.
COMMITTED = "date_format(timestamp, \"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\") AS timestamp"


@dataclass(frozen=True)
class Version:
    """A Delta table at one moment: its id, version and commit time."""

    id: str
    version: int
    timestamp: str


@dataclass(frozen=True)
class Warehouse:
    """The tables of a project, below a path or in a schema of a catalog.

    Attributes:
        session: Gives the session, which is asked for when it is first needed: small tables on this machine are read without one.
        tables: Where they are.
        project: Whose.
    """

    session: Callable[[], SparkSession]
    tables: Tables
    project: str

    @property
    def spark(self) -> SparkSession:
        """The session."""
        return self.session()

    def location(self, table: str) -> str:
        """The table as people read it: its folder, or its name in the catalog."""
        if not NAME.fullmatch(table):
            raise TableError(f"'{table}' is not the name of a table: use lower case letters, digits and _")
        if self.tables.path is not None:
            return f"{self.tables.path}/{self.project}/{table}"
        return ".".join(
            part for part in (self.tables.catalog, self.tables.schema_name, f"{self.project}_{table}") if part
        )

    def folder(self, table: str) -> Path | None:
        """The table's folder, if it is on this machine."""
        return None if self.tables.path is None or "://" in self.tables.path else Path(self.location(table))

    def name(self, table: str) -> str:
        """The table as SQL reads it."""
        location = self.location(table)
        if self.tables.path is not None:
            return f"delta.`{location.replace('`', '``')}`"
        return ".".join(f"`{part}`" for part in location.split("."))

    def exists(self, table: str) -> bool:
        """Whether there is such a table.

        Raises:
            TableError: If the store that would have it cannot be asked.
        """
        if self.tables.path is None:
            return bool(self.spark.catalog.tableExists(self.location(table)))
        if self.folder(table) is not None:
            return self.log(table) is not None
        try:
            self.spark.sql(f"DESCRIBE DETAIL {self.name(table)}")
        except AnalysisException:
            return False
        except SPARK_ERRORS as error:
            raise TableError(
                f"{self.location(table)}: its store cannot be asked ({cause(error)}); check that it answers, its keys, and `spark` in the "
                f"environment file"
            ) from None
        return True

    def id_of(self, table: str) -> str | None:
        """The id that Delta gave a table when it was made; None where there is none."""
        if self.folder(table) is not None:
            return str(log.metadata().id) if (log := self.log(table)) is not None else None
        if not self.exists(table):
            return None
        try:
            return str(self.spark.sql(f"DESCRIBE DETAIL {self.name(table)}").select("id").collect()[0]["id"])
        except AnalysisException as error:
            if "DELTA_MISSING" in str(error.getCondition()) or "NOT_FOUND" in str(error.getCondition()):
                return None
            raise

    def create(
        self, table: str, columns: Sequence[Column], read_by: Sequence[str] = (), later: Collection[str] = ()
    ) -> None:
        """Makes an append-only table if there is none; one with other columns is refused.

        Args:
            table: Its name.
            columns: What it has.
            read_by: Columns by whose least and greatest values files are skipped; the first 32 if none are named. Each costs a little
                for every row written.
            later: Columns that a table made before them is given.

        Raises:
            TableError: If the table exists and its columns are not these.
        """
        for pause in PAUSES:
            try:
                with noting(f"making {self.location(table)}"):
                    return self.create_or_check(table, columns, read_by, later)
            except (*SPARK_ERRORS, TableError) as error:
                if not any(word in str(error) for word in BEING_MADE):
                    raise
                time.sleep(pause)
        return self.create_or_check(table, columns, read_by, later)

    def create_or_check(
        self, table: str, columns: Sequence[Column], read_by: Sequence[str], later: Collection[str]
    ) -> None:
        """Tries `create` once; it fails in one of the ways of BEING_MADE while another writer makes the table."""
        wanted, found, folder = schema_of(columns), self.schema(table), self.folder(table)
        settings = {**PROPERTIES, "delta.dataSkippingStatsColumns": ",".join(read_by)} if read_by else PROPERTIES
        if found is None and folder is not None:
            make_in(folder, wanted, settings)
            found = self.schema(table)
        if found is not None:
            added = [one for one in columns if one.name in later and one.name not in found.fieldNames()]
            if (differs := difference(found, schema_of([one for one in columns if one not in added]))) is not None:
                raise TableError(
                    f"{self.location(table)}: {differs}; what was ingested is immutable: declare a new source"
                )
            if added:
                self.add_columns(table, added)
            return
        properties = ", ".join(f"'{key}' = '{value}'" for key, value in settings.items())
        if self.tables.path is None:
            home = self.name(table).rsplit(".", 1)[0]
            # Whoever may write into a schema may not be allowed to make one, even one that is there.
            if not self.spark.catalog.databaseExists(home):
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {home}")
        statement = (
            f"CREATE TABLE IF NOT EXISTS {self.name(table)} ({', '.join(column.ddl for column in columns)}) "
            f"USING delta TBLPROPERTIES ({properties})"
        )
        self.spark.sql(statement)

    def add_columns(self, table: str, added: Sequence[Column]) -> None:
        """Gives a table columns, unless another writer has."""
        if (folder := self.folder(table)) is not None:
            add_columns_in(folder, schema_of(added))
        else:
            # Of two writers that do so at once, the second finds them there.
            with suppress(AnalysisException):
                self.spark.sql(f"ALTER TABLE {self.name(table)} ADD COLUMNS ({', '.join(one.ddl for one in added)})")

    def schema(self, table: str) -> StructType | None:
        """The columns of a table; None where there is none."""
        if self.folder(table) is not None:
            return columns_in(log) if (log := self.log(table)) is not None else None
        return self.read(table).schema if self.exists(table) else None

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """The rows of a table, at a version or now.

        Raises:
            TableError: If there is no such table or version.
        """
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        try:
            return reader.load(self.location(table)) if self.tables.path is not None else reader.table(self.name(table))
        except AnalysisException as error:
            asked = f" at version {version}" if version is not None else ""
            raise TableError(f"{self.location(table)}: cannot be read{asked}: {cause(error)}") from None

    def rows_at(self, table: str, version: int) -> int | None:
        """How many rows a table has at a version by its log; None where only Spark can read it, or the log does not tell."""
        folder = self.folder(table)
        return None if folder is None else rows_in(folder, version)

    def rows(self, table: str, columns: Sequence[str] | None = None, /, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table that grows by a few for each run, with times in UTC; none where there is no table.

        Args:
            table: Its name.
            columns: Those of its columns that are read, if it has them; all if None.
            where: Columns, and what rows have in them (see conditions); all rows if none are given.
        """
        if (folder := self.folder(table)) is not None:
            with noting(f"reading {self.location(table)}"):
                return rows_of(log, folder, columns, where) if (log := self.log(table)) is not None else []
        if not self.exists(table):
            return []
        rows = matching(self.read(table), where)
        if columns is not None:
            rows = rows.select(*(name for name in columns if name in rows.columns))
        return [in_utc(row.asDict(recursive=True)) for row in rows.collect()]

    def append(self, table: str, rows: DataFrame, batch: str, turn: int | None = None) -> None:
        """Appends rows once: a second append of the same batch writes nothing, also when both run at the same time.

        Args:
            table: An existing table.
            rows: Rows with its columns.
            batch: Digest that names these rows.
            turn: A number that rises from append to append; one writer only can have a turn. None if any may append at any time.

        Raises:
            TurnError: If another writer had the turn; nothing was written.
        """
        application, version = self.transaction(table, batch, turn)
        writer = rows.write.format("delta").mode("append").option("userMetadata", batch)
        writer = writer.option("txnAppId", application).option("txnVersion", version)
        folder = self.folder(table)
        try:
            with noting(f"appending to {self.location(table)}"), alone(folder) if folder is not None else nullcontext():
                if self.tables.path is not None:
                    writer.save(self.location(table))
                else:
                    writer.saveAsTable(self.name(table))
        except SPARK_ERRORS as error:
            if "DELTA_CONCURRENT_TRANSACTION" not in str(error):
                raise
        self.check_turn(table, batch, turn)

    def append_rows(
        self,
        table: str,
        rows: Sequence[Mapping[str, object]],
        columns: Sequence[Column],
        batch: str,
        turn: int | None = None,
    ) -> None:
        """Appends a few rows once, as one file; see append."""
        schema = schema_of(columns)
        # Spark gets Arrow too, as rows of Python start a worker of Python, which takes longer than all else of an append.
        few = pa.Table.from_pylist(list(rows), arrow_schema(schema))
        folder = self.folder(table)
        if folder is None or (log := log_in(folder)) is None:
            self.append(table, self.spark.createDataFrame(few, schema).coalesce(1), batch, turn)
        else:
            with noting(f"appending to {self.location(table)}"):
                done = append_to(log, folder, few, batch, *self.transaction(table, batch, turn))
            if not done:
                self.check_turn(table, batch, turn)

    def transaction(self, table: str, batch: str, turn: int | None) -> tuple[str, int]:
        """By which application and version Delta tells that an append was made: of a batch, or of the turn of whoever appends."""
        return (f"{self.project}.{table}.{batch}", 1) if turn is None else (f"{self.project}.{table}", turn)

    def check_turn(self, table: str, batch: str, turn: int | None) -> None:
        """Refuses what another writer's turn has kept out; see append."""
        if turn is not None and self.commit_of(table, batch) is None:
            raise TurnError(
                f"{self.location(table)}: another run appended at the same time; run again when it has ended"
            )

    def log(self, table: str) -> DeltaTable | None:
        """The table's log if it is on this machine, where nothing of Spark is needed; None where Spark must be asked."""
        folder = self.folder(table)
        return None if folder is None else log_in(folder)

    def brought(self, table: str, batch: str) -> Version:
        """The version that brought a batch.

        Raises:
            TableError: If none did.
        """
        commit = self.commit_of(table, batch)
        if commit is None:
            raise TableError(f"{self.location(table)}: batch {batch[:12]} is not in its history")
        return Version(str(self.id_of(table)), *commit)

    def commit_of(self, table: str, batch: str) -> tuple[int, str] | None:
        """Version and time of the commit of a batch; None where there is none. Looks through the whole history only for an old batch."""
        for limit in (RECENT, None):
            found = self.commits(table, batch, limit)
            if found:
                return max(found)
        return None

    def commits(self, table: str, batch: str, limit: int | None) -> list[tuple[int, str]]:
        """Versions and times of the commits of a batch among the last ones, or among all."""
        if (log := self.log(table)) is not None:
            return commits_in(log, batch, limit)
        query = f"DESCRIBE HISTORY {self.name(table)}" + (f" LIMIT {limit}" if limit is not None else "")
        rows = self.spark.sql(query).where(F.col("userMetadata") == batch).selectExpr("version", COMMITTED)
        return [(row["version"], row["timestamp"]) for row in rows.collect()]


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """A row that Spark gave, whose times are as the driver's local clock reads."""
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
