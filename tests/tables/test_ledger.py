"""Ledgers: what a dataclass says of a table, what rows are asked for by, and tables that an earlier row has made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.errors import TableError, TurnError
from solvent.tables.codec import JSON
from solvent.tables.conditions import Between
from solvent.tables.ledger import Ledger
from solvent.tables.warehouse import Warehouse


@dataclass(frozen=True)
class Part:
    name: str
    share: float | None


@dataclass(frozen=True)
class Whole:
    model: str
    version: int


@dataclass(frozen=True)
class Row:
    digest: str
    sequence: int
    whole: Whole
    day: date | None
    parts: tuple[Part, ...]
    counts: Mapping[str, int]
    age: Annotated[int, "INT"]
    detail: Annotated[Mapping[str, Any], JSON]
    pins: Annotated[tuple[Part, ...], JSON]
    at: datetime


@dataclass(frozen=True)
class Earlier:
    model: str
    sequence: int


@dataclass(frozen=True)
class Later:
    model: str
    sequence: int
    remark: str = "none"
    by: str | None = None


ROWS, EARLIER, LATER = Ledger("rows", Row), Ledger("ledger", Earlier), Ledger("ledger", Later)
AT = datetime(2024, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def row(number: int, model: str = "a") -> Row:
    parts = (Part("x", 0.5), Part("y", None))
    return Row(
        f"{number}", number, Whole(model, 1), AT.date() if number % 2 else None, parts, {"n": number}, 7, {"a": [1]},
        parts, AT,
    )  # fmt: skip


@pytest.fixture(params=["folder", "catalog"])
def make(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Callable[[str], Warehouse]:
    """A warehouse in a folder, read without Spark, or in a schema, where only Spark can read it."""

    def no_session() -> SparkSession:
        raise AssertionError("a session was asked for")

    if request.param == "folder":
        return lambda name: Warehouse(no_session, Tables(path=str(tmp_path)), name)
    return lambda name: Warehouse(
        lambda: spark, Tables(schema="solvent_ledgers"), f"{name}_{tmp_path.name[-8:]}".lower()
    )


def test_columns_are_the_fields_of_the_row() -> None:
    assert [(column.name, column.type, column.nullable) for column in ROWS.columns] == [
        ("digest", "STRING", True),
        ("sequence", "BIGINT", True),
        ("model", "STRING", True),
        ("version", "BIGINT", True),
        ("day", "DATE", True),
        ("parts", "ARRAY<STRUCT<name:STRING,share:DOUBLE>>", True),
        ("counts", "MAP<STRING,BIGINT>", True),
        ("age", "INT", True),
        ("detail", "STRING", True),
        ("pins", "STRING", True),
        ("at", "TIMESTAMP", True),
    ]


def test_rows_are_those_that_were_appended_and_asked_for(make: Callable[[str], Warehouse]) -> None:
    warehouse = make("asked")
    assert ROWS.rows(warehouse) == []
    assert ROWS.last(warehouse, "sequence") is None
    assert ROWS.count(warehouse) == 0
    for number in (1, 3, 2):
        ROWS.append(warehouse, [row(number), row(number + 10, "b")])
    ROWS.append(warehouse, [row(2), row(12, "b")])
    ROWS.append(warehouse, [])
    assert ROWS.count(warehouse) == 6
    assert ROWS.rows(warehouse, digest="2") == [row(2)]
    assert ROWS.last(warehouse, "sequence", model="a") == row(3)
    assert ROWS.last(warehouse, "sequence", sequence=Between(None, 2)) == row(2)
    assert ROWS.last(warehouse, "sequence", model="c") is None
    last = ROWS.latest(warehouse, "sequence", "model", ["a", "b", "c"])
    assert last == {"a": row(3), "b": row(13, "b")}
    several = ROWS.select(warehouse, "digest", "model", sequence=Between(2, 12), model=("a", "b"))
    assert sorted(several, key=lambda one: str(one["digest"])) == [
        {"digest": "11", "model": "b"},
        {"digest": "12", "model": "b"},
        {"digest": "2", "model": "a"},
        {"digest": "3", "model": "a"},
    ]
    # Rows without a value are last by no column.
    only = ROWS.last(warehouse, "day", model="a", sequence=2)
    assert only is None


def test_one_writer_only_has_a_turn(make: Callable[[str], Warehouse]) -> None:
    warehouse = make("turns")
    ROWS.append(warehouse, [row(1)], "first", turn=1)
    with pytest.raises(TurnError, match="another run appended at the same time"):
        ROWS.append(warehouse, [row(2)], "second", turn=1)
    assert ROWS.rows(warehouse) == [row(1)]


def test_a_table_that_an_earlier_row_made_goes_on(make: Callable[[str], Warehouse]) -> None:
    warehouse = make("earlier")
    EARLIER.append(warehouse, [Earlier("a", 1)])
    assert LATER.rows(warehouse) == [Later("a", 1)]
    assert LATER.rows(warehouse, by="me") == []
    assert LATER.select(warehouse, "model", "by") == [{"model": "a"}]
    LATER.append(warehouse, [Later("a", 2, "said", "me")])
    assert sorted(LATER.rows(warehouse), key=lambda one: one.sequence) == [Later("a", 1), Later("a", 2, "said", "me")]
    assert LATER.rows(warehouse, by="me") == [LATER.last(warehouse, "sequence")]
    assert EARLIER.last(warehouse, "sequence") == Earlier("a", 2)
    # Whoever goes back to the earlier suite is told so, and writes nothing.
    with pytest.raises(TableError, match="column by is STRING in the table and missing in the declaration"):
        EARLIER.append(warehouse, [Earlier("a", 3)])
    assert LATER.count(warehouse) == 2
