"""Delta tables of one project: where they are, pinned reads, small tables read at once, idempotent appends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import DataType, StructField, StructType

from solvent.config.environment import NAME, Tables
from solvent.config.expressions import Column
from solvent.errors import TableError
from solvent.session import SPARK_ERRORS, cause

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
        if (folder := self.folder(table)) is not None:
            return (folder / "_delta_log").is_dir()
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
        if not self.exists(table):
            return None
        if (log := self.log(table)) is not None:
            return str(log.metadata().id)
        try:
            return str(self.spark.sql(f"DESCRIBE DETAIL {self.name(table)}").select("id").collect()[0]["id"])
        except AnalysisException as error:
            if "DELTA_MISSING" in str(error.getCondition()) or "NOT_FOUND" in str(error.getCondition()):
                return None
            raise

    def create(self, table: str, columns: Sequence[Column], read_by: Sequence[str] = ()) -> None:
        """Makes an append-only table if there is none; one with other columns is refused.

        Args:
            table: Its name.
            columns: What it has.
            read_by: Columns by whose least and greatest values files are skipped; the first 32 if none are named. Each costs a little
                for every row written.

        Raises:
            TableError: If the table exists and its columns are not these.
        """
        for pause in PAUSES:
            try:
                return self.create_or_check(table, columns, read_by)
            except (*SPARK_ERRORS, TableError) as error:
                if not any(word in str(error) for word in BEING_MADE):
                    raise
                time.sleep(pause)
        return self.create_or_check(table, columns, read_by)

    def create_or_check(self, table: str, columns: Sequence[Column], read_by: Sequence[str]) -> None:
        """Tries `create` once; it fails in one of the ways of BEING_MADE while another writer makes the table."""
        if self.exists(table):
            found = {field.name: field.dataType.simpleString().upper() for field in self.read(table).schema.fields}
            wanted = {column.name: column.type.upper() for column in columns}
            if found != wanted:
                differ = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
                raise TableError(
                    f"{self.location(table)}: column {differ[0]} is {found.get(differ[0], 'missing')} in the table and "
                    f"{wanted.get(differ[0], 'missing')} in the declaration; what was ingested is immutable: declare a new source"
                )
            return
        settings = {**PROPERTIES, "delta.dataSkippingStatsColumns": ",".join(read_by)} if read_by else PROPERTIES
        properties = ", ".join(f"'{key}' = '{value}'" for key, value in settings.items())
        if self.tables.path is None:
            schema = self.name(table).rsplit(".", 1)[0]
            # Whoever may write into a schema may not be allowed to make one, even one that is there.
            if not self.spark.catalog.databaseExists(schema):
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        statement = (
            f"CREATE TABLE IF NOT EXISTS {self.name(table)} ({', '.join(column.ddl for column in columns)}) "
            f"USING delta TBLPROPERTIES ({properties})"
        )
        self.spark.sql(statement)

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
            raise TableError(f"{self.location(table)}: cannot be read{asked}: {str(error).splitlines()[0]}") from None

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table that grows by a few for each run, with times in UTC; none where there is no table."""
        if not self.exists(table):
            return []
        if (log := self.log(table)) is not None:
            return rows_of(log, Path(self.location(table)))
        return [in_utc(row.asDict(recursive=True)) for row in self.read(table).collect()]

    def append(self, table: str, rows: DataFrame, batch: str, turn: int | None = None) -> None:
        """Appends rows once: a second append of the same batch writes nothing, also when both run at the same time.

        Args:
            table: An existing table.
            rows: Rows with its columns.
            batch: Digest that names these rows.
            turn: A number that rises from append to append; one writer only can have a turn. None if any may append at any time.

        Raises:
            TableError: If another writer had the turn; nothing was written.
        """
        writer = (
            rows.write.format("delta")
            .mode("append")
            .option("txnAppId", f"{self.project}.{table}.{batch}" if turn is None else f"{self.project}.{table}")
            .option("txnVersion", 1 if turn is None else turn)
            .option("userMetadata", batch)
        )
        try:
            if self.tables.path is not None:
                writer.save(self.location(table))
            else:
                writer.saveAsTable(self.name(table))
        except SPARK_ERRORS as error:
            if "DELTA_CONCURRENT_TRANSACTION" not in str(error):
                raise
        if turn is not None and self.commit_of(table, batch) is None:
            raise TableError(
                f"{self.location(table)}: another run appended at the same time; run again when it has ended"
            )

    def append_rows(
        self,
        table: str,
        rows: Sequence[tuple[object, ...]],
        columns: Sequence[Column],
        batch: str,
        turn: int | None = None,
    ) -> None:
        """Appends a few rows once, as one file; see append."""
        self.append(table, self.frame(rows, columns), batch, turn)

    def frame(self, rows: Sequence[tuple[object, ...]], columns: Sequence[Column]) -> DataFrame:
        """A few rows as one partition.

        They go to Spark as a table of Arrow, as rows of Python start a worker of Python, which takes longer than all else of an append.
        """
        schema = StructType([StructField(one.name, type_of(one.type), one.nullable) for one in columns])
        named = [dict(zip(schema.fieldNames(), row, strict=True)) for row in rows]
        table = pa.Table.from_pylist(named, to_arrow_schema(schema, timezone="UTC"))
        return self.spark.createDataFrame(table, schema).coalesce(1)

    def log(self, table: str) -> DeltaTable | None:
        """A log on this machine, which tells in milliseconds what Spark takes a second to be asked; None where Spark must be asked."""
        folder = self.folder(table)
        try:
            return DeltaTable(folder) if folder is not None else None
        except DeltaError:
            return None

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
            history = log.history(limit)
            return [
                (one["version"], time_text(one["timestamp"])) for one in history if one.get("userMetadata") == batch
            ]
        query = f"DESCRIBE HISTORY {self.name(table)}" + (f" LIMIT {limit}" if limit is not None else "")
        rows = self.spark.sql(query).where(F.col("userMetadata") == batch).selectExpr("version", COMMITTED)
        return [(row["version"], row["timestamp"]) for row in rows.collect()]


def rows_of(log: DeltaTable, folder: Path) -> list[dict[str, Any]]:
    """The rows of a small table, file by file: the reading threads of a dataset now and then end the process with an abort."""
    names = pa.table(log.get_add_actions())["path"].to_pylist()
    files = [pq.read_table(folder / name, use_threads=False, coerce_int96_timestamp_unit="us") for name in names]
    return [row for file in files for row in file.cast(with_zone(file.schema)).to_pylist()]


def with_zone(schema: pa.Schema) -> pa.Schema:
    """Columns of times as Spark means them, which are in UTC."""
    times = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    zoned = [field.with_type(pa.timestamp("us", tz="UTC")) if field.name in times else field for field in schema]
    return pa.schema(zoned)


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """A row that Spark gave, whose times are as the driver's local clock reads."""
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def time_text(milliseconds: int) -> str:
    """A commit's time as COMMITTED has it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@cache
def type_of(ddl: str) -> DataType:
    """A type of SQL as Spark has it; asked once, as Spark plans a query to answer."""
    return DataType.fromDDL(ddl)
