"""Delta tables in folders of this machine, without Spark: what takes Spark a second takes some milliseconds here."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyspark.sql.types import StructType

from solvent.errors import TableError
from solvent.failure import cause
from solvent.tables.conditions import among, may_hold

# Of two appends at the same time, the second to commit has been done already if both are of the same application.
CONCURRENT = "Concurrent transaction failed"
# Beside the versions of a table, where neither Delta nor deltalake takes it for one.
LOCK = ".lock"


def log_in(folder: Path) -> DeltaTable | None:
    """The table of a folder; None where there is none, or none yet.

    Raises:
        TableError: If there is a log that cannot be read, or data without a log.
    """
    try:
        return DeltaTable(folder)
    except TableNotFoundError:
        # A table begins with its log.
        if next(folder.rglob("*.parquet"), None) is not None:
            raise TableError(
                f"{folder}: holds data and no log of Delta (_delta_log); restore it, or remove the folder"
            ) from None
        return None
    except DeltaError as error:
        raise TableError(f"{folder}: its log cannot be read: {cause(error)}") from error


def make_in(folder: Path, schema: StructType, properties: Mapping[str, str]) -> None:
    """Makes a table in a folder, if there is none."""
    columns = Schema.from_json(schema.json())
    # Tried again, it would become the second version of a table that another writer has made, and give it another id.
    once = CommitProperties(max_commit_retries=0)
    try:
        DeltaTable.create(folder, columns, mode="ignore", configuration=dict(properties), commit_properties=once)
    except CommitFailedError:
        # Another writer may have made it at the same time.
        if log_in(folder) is None:
            raise


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other writer of the suite writes to the table of a folder, and keeps others out meanwhile.

    A session that the suite has not made, or that has only Delta's jars, writes by one of Delta's stores, none of which makes a version
    in one step that fails where it is there. The system frees the lock when its holder ends, however it ends.

    Raises:
        TableError: If the file system of the folder takes no locks.
    """
    path = folder / "_delta_log" / LOCK
    with ExitStack() as held:
        try:
            fcntl.flock(held.enter_context(path.open("a", encoding="utf-8")), fcntl.LOCK_EX)
        except OSError as error:
            raise TableError(
                f"{path}: cannot be locked ({error.strerror}), so that two writers could not be kept apart; put tables on a file system "
                "that takes locks"
            ) from None
        yield


def columns_in(log: DeltaTable) -> StructType:
    """The columns of a table, as Spark has them."""
    return StructType.fromJson(json.loads(log.schema().to_json()))


def append_to(log: DeltaTable, folder: Path, rows: pa.Table, batch: str, application: str, turn: int) -> bool:
    """Appends rows as one file, unless the application has appended at this turn or a later one; whether it was done now.

    Args:
        log: The table as it was read, which tells whose turn it was.
        folder: Where it is.
        rows: Its columns.
        batch: Is noted in the commit as its user metadata.
        application: Delta's txnAppId.
        turn: Delta's txnVersion.
    """
    last = log.transaction_version(application)
    if last is not None and last >= turn:
        return False
    noted = CommitProperties(custom_metadata={"userMetadata": batch}, app_transactions=[Transaction(application, turn)])
    try:
        with alone(folder):
            write_deltalake(log, rows, mode="append", commit_properties=noted)
    except CommitFailedError as error:
        if CONCURRENT not in str(error):
            raise
        return False
    return True


def rows_of(
    log: DeltaTable, folder: Path, columns: Sequence[str] | None, where: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Some columns of the rows of a small table that are asked for, or all; see conditions."""
    return [row for file in files_of(log, where) for row in rows_of_file(folder / file["path"], columns, where)]


def last_of(
    log: DeltaTable, folder: Path, order: str, columns: Sequence[str], where: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The row with the greatest value of a column among those that are asked for; files that can have no greater one are not read."""
    files = [
        file for file in files_of(log, where, order) if file["nulls"] is None or file["nulls"] < file["num_records"]
    ]
    # What the log says nothing of comes first, as it may be the last.
    known = sorted((file for file in files if file["greatest"] is not None), key=itemgetter("greatest"), reverse=True)
    found: list[dict[str, Any]] = []
    for file in [*(file for file in files if file["greatest"] is None), *known]:
        if found and file["greatest"] is not None and file["greatest"] <= found[0][order]:
            break
        rows = rows_of_file(folder / file["path"], columns, where)
        found = sorted((row for row in (*found, *rows) if row[order] is not None), key=itemgetter(order))[-1:]
    return found[0] if found else None


def files_of(log: DeltaTable, where: Mapping[str, Any], order: str = "") -> list[dict[str, Any]]:
    """The files that can have rows that are asked for, by what their log entries say: path, records, and greatest value of a column."""
    actions = pa.table(log.get_add_actions(flatten=True))
    bounds = {f"{end}.{name}": (name, end) for name in where for end in ("min", "max")}
    wanted = {"path": "path", "num_records": "num_records", f"max.{order}": "greatest", f"null_count.{order}": "nulls"}
    has = [name for name in {**wanted, **bounds} if name in actions.column_names]
    files = [dict.fromkeys([*wanted.values(), *bounds]) | row for row in actions.select(has).to_pylist()]
    found = [
        file
        for file in files
        if all(may_hold(one, file[f"min.{name}"], file[f"max.{name}"]) for name, one in where.items())
    ]
    return [{wanted.get(name, name): value for name, value in file.items()} for file in found]


def rows_of_file(path: Path, columns: Sequence[str] | None, where: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Some columns of the rows of a file that are asked for, or all; a column that was added since is left out.

    By itself: the reading threads of a dataset now and then end the process with an abort.
    """
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        has = set(file.schema_arrow.names)
        read = None if columns is None else [name for name in dict.fromkeys([*columns, *where]) if name in has]
        rows = among(file.read(read, use_threads=False), where)
    rows = rows.cast(with_zone(rows.schema))
    found: list[dict[str, Any]] = (
        rows if columns is None else rows.select([one for one in columns if one in has])
    ).to_pylist()
    return found


def add_columns_in(folder: Path, added: StructType) -> None:
    """Gives a table in a folder columns, unless another writer has."""
    with alone(folder):
        log = DeltaTable(folder)
        there = columns_in(log).fieldNames()
        missing = StructType([field for field in added if field.name not in there])
        if missing:
            log.alter.add_columns(Schema.from_json(missing.json()).fields)


def rows_in(folder: Path, version: int | None = None) -> int | None:
    """How many rows a table has, or had at a version, by its log; None where that does not tell, or is not there any more."""
    try:
        log = DeltaTable(folder, version=version)
    except DeltaError:
        return None
    counts = [action["num_records"] for action in pa.table(log.get_add_actions(flatten=True)).to_pylist()]
    return None if None in counts else sum(counts)


def with_zone(schema: pa.Schema) -> pa.Schema:
    """Columns of times as Spark means them, which are in UTC."""
    times = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    zoned = [field.with_type(pa.timestamp("us", tz="UTC")) if field.name in times else field for field in schema]
    return pa.schema(zoned)


def commits_in(log: DeltaTable, batch: str, limit: int | None) -> list[tuple[int, str]]:
    """Versions and times of the commits of a batch among the last ones, or among all."""
    found = [one for one in log.history(limit) if one.get("userMetadata") == batch]
    return [(one["version"], time_text(one["timestamp"])) for one in found]


def time_text(milliseconds: int) -> str:
    """A commit's time, such as 2013-08-02T00:00:00.000Z."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
