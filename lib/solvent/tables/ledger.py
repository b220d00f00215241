"""Ledgers: append-only tables that grow by a few rows with every run, and say what was done, by whom and when.

A ledger is the name of a table and the frozen dataclass that is its row; all else follows from these. Its version is its columns. A column
is added by adding a field with a default to the dataclass, and nothing else: a table that was made before opens, and its rows have the
default, as have those that store null; the next append gives the table the column, by a commit of its own that keeps all rows and files.
Any other difference, such as a column of another type or one that this version of the suite does not know, is refused before anything is
written.

Rows are asked for by columns and what they have in them (see `solvent.tables.conditions`), so that files are skipped by what Delta's log
says of them, and of those that are read only the columns that are asked for. A column with a default is no key: older rows have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.failure import noting
from solvent.tables.codec import Row, later_columns, row_columns, row_of, values_of
from solvent.tables.conditions import matching
from solvent.tables.folder import last_of, rows_in
from solvent.tables.warehouse import Warehouse, in_utc


@dataclass(frozen=True)
class Ledger(Generic[Row]):
    """A table, and the dataclass of one of its rows; see `solvent.tables.codec` for the types of columns."""

    table: str
    row: type[Row]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in the order of the row's fields."""
        return row_columns(self.row)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)

    def create(self, warehouse: Warehouse) -> None:
        """Makes the table if there is none, and gives one that was made before the columns that were added since.

        Raises:
            TableError: If the columns of the table differ otherwise.
        """
        warehouse.create(self.table, self.columns, later=later_columns(self.row))

    def append(
        self, warehouse: Warehouse, rows: Sequence[Row], batch: str | None = None, turn: int | None = None
    ) -> None:
        """Appends rows once, as one file; see Warehouse.append.

        Args:
            warehouse: Where the table is, or is made.
            rows: Nothing is done if there are none.
            batch: Digest that names them; made of all that they say if None.
            turn: A number that rises from append to append, if one writer only may have it.

        Raises:
            TurnError: If another writer had the turn; nothing was written.
        """
        if not rows:
            return
        self.create(warehouse)
        values = [values_of(row) for row in rows]
        name = batch or digest_of([str(tuple(one.values())) for one in values])
        warehouse.append_rows(self.table, values, self.columns, name, turn)

    def append_frame(self, warehouse: Warehouse, rows: DataFrame, batch: str) -> None:
        """Appends rows of the ledger's columns that Spark has computed, once."""
        self.create(warehouse)
        warehouse.append(self.table, rows.select(*self.names), batch)

    def rows(self, warehouse: Warehouse, /, **where: Any) -> list[Row]:
        """The rows that are asked for, with times in UTC, in no order; none where there is no table."""
        return [row_of(self.row, values) for values in warehouse.rows(self.table, self.names, **where)]

    def select(self, warehouse: Warehouse, *names: str, **where: Any) -> list[dict[str, Any]]:
        """Some columns of the rows that are asked for, as they are stored; other columns are not read."""
        return warehouse.rows(self.table, names, **where)

    def last(self, warehouse: Warehouse, order: str, /, **where: Any) -> Row | None:
        """The row with the greatest value of a column, of those that are asked for; None if there is none."""
        return next(iter(self.greatest(warehouse, order, None, where)), None)

    def latest(
        self, warehouse: Warehouse, order: str, key: str, values: Iterable[Any], /, **where: Any
    ) -> dict[Any, Row]:
        """The row with the greatest value of a column, for each of the values that a key has in some row."""
        found = self.greatest(warehouse, order, key, {**where, key: tuple(values)})
        return {values_of(row)[key]: row for row in found}

    def greatest(self, warehouse: Warehouse, order: str, key: str | None, where: Mapping[str, Any]) -> list[Row]:
        """The row with the greatest value of a column, of those that are asked for, or of each value that these have of a key."""
        if (folder := warehouse.folder(self.table)) is not None:
            asked = [where] if key is None else [{**where, key: one} for one in where[key]]
            with noting(f"reading {warehouse.location(self.table)}"):
                log = warehouse.log(self.table)
                found = [] if log is None else [last_of(log, folder, order, self.names, one) for one in asked]
                return [row_of(self.row, values) for values in found if values is not None]
        if not warehouse.exists(self.table):
            return []
        rows = matching(warehouse.read(self.table), where).where(F.col(order).isNotNull())
        values = F.struct(*(name for name in self.names if name in rows.columns))
        last = rows.groupBy(*([] if key is None else [key])).agg(F.max_by(values, order).alias("last"))
        return [row_of(self.row, in_utc(row["last"].asDict(True))) for row in last.collect() if row["last"] is not None]

    def count(self, warehouse: Warehouse) -> int:
        """How many rows there are, by the log alone where it is in a folder."""
        folder = warehouse.folder(self.table)
        if folder is not None and (rows := rows_in(folder)) is not None:
            return rows
        return warehouse.read(self.table).count() if warehouse.exists(self.table) else 0

    def frame(self, warehouse: Warehouse) -> DataFrame:
        """All rows as Spark reads them, for what is computed of many; a column that was added since is null there."""
        rows = warehouse.read(self.table)
        added = {one.name: F.lit(None).cast(one.type) for one in self.columns if one.name not in rows.columns}
        return rows.withColumns(added) if added else rows
