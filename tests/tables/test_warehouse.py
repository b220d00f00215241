"""Tables under several writers, and small ones without Spark."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import DataType

from solvent.config.environment import Tables
from solvent.config.expressions import PRIMITIVES, Column
from solvent.errors import TableError
from solvent.tables.columns import type_of
from solvent.tables.warehouse import Warehouse, in_utc


def test_a_table_is_made_once_by_writers_that_come_at_once(tmp_path: Path) -> None:
    without, gate = Warehouse(no_session, Tables(path=str(tmp_path)), "race"), Barrier(8)

    def make(table: str) -> None:
        gate.wait(60)
        without.create(table, [Column("a", "INT")])

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            list(pool.map(make, [f"t{number}"] * 8))
    made = [list(log.glob("*.json")) for log in tmp_path.glob("race/*/_delta_log")]
    assert [len(commits) for commits in made] == [1] * 20


def no_session() -> SparkSession:
    raise AssertionError("a session was asked for")


def test_rows_of_a_small_table_are_those_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    columns = (
        Column("name", "STRING"),
        Column("n", "BIGINT"),
        Column("parts", "ARRAY<STRUCT<a:STRING,b:DOUBLE>>"),
        Column("day", "DATE"),
        Column("at", "TIMESTAMP"),
    )
    tables = Tables(path=str(tmp_path / "with a space"))
    warehouse, without = Warehouse(lambda: spark, tables, "shop"), Warehouse(no_session, tables, "shop")
    assert without.rows("ledger") == []
    without.create("ledger", columns)
    assert without.rows("ledger") == []
    at, names = datetime(2024, 3, 1, 12, 0, 0, 5, tzinfo=UTC), [column.name for column in columns]
    rows = [("a", 1, [("x", 0.5), ("y", None)], at.date(), at), (None,) * 5, ("c", 3, [], at.date(), at)]
    for number, row in enumerate(rows):
        without.append_rows("ledger", [dict(zip(names, row, strict=True))], columns, str(number))
    found = sorted(without.rows("ledger"), key=lambda row: str(row["name"]))
    assert [row["name"] for row in found] == [None, "a", "c"]
    assert found[1]["parts"] == [{"a": "x", "b": 0.5}, {"a": "y", "b": None}]
    assert (found[1]["at"], found[1]["day"]) == (at, at.date())
    spark_reads = [in_utc(row.asDict(recursive=True)) for row in warehouse.read("ledger").collect()]
    assert sorted(spark_reads, key=lambda row: str(row["name"])) == found
    for equal, found_names in (({"name": "a"}, ["a"]), ({"n": 3, "day": at.date()}, ["c"]), ({"at": at, "n": 2}, [])):
        assert [row["name"] for row in without.rows("ledger", **equal)] == found_names


def test_files_that_cannot_have_a_value_are_not_read(tmp_path: Path) -> None:
    without, columns = Warehouse(no_session, Tables(path=str(tmp_path)), "shop"), [Column("name", "STRING")]
    without.create("t", columns)
    long = "a" * 100
    for number, names in enumerate([["a", "m"], ["n", None], [long, long + "b"], [None]]):
        without.append_rows("t", [{"name": name} for name in names], columns, str(number))
    assert without.rows("t", name=long) == [{"name": long}]
    (folder,) = (tmp_path / "shop").iterdir()
    (gone,) = [file for file in folder.glob("*.parquet") if pq.read_table(file).to_pylist()[0]["name"] == "n"]
    gone.unlink()
    assert without.rows("t", name="b") == []
    with pytest.raises(FileNotFoundError):
        without.rows("t", name="n")


def test_rows_are_appended_once_with_and_without_spark(spark: SparkSession, tmp_path: Path) -> None:
    tables, columns = Tables(path=str(tmp_path)), [Column("a", "INT")]
    warehouse, without = Warehouse(lambda: spark, tables, "shop"), Warehouse(no_session, tables, "shop")
    without.create("once", columns)
    one = spark.createDataFrame([(1,)], "a INT")
    without.append_rows("once", [{"a": 1}], columns, "first")
    without.append_rows("once", [{"a": 1}], columns, "first")
    warehouse.append("once", one, "first")
    warehouse.append("once", one, "second")
    without.append_rows("once", [{"a": 1}], columns, "second")
    gate = Barrier(8)

    def append(number: int) -> None:
        gate.wait(60)
        without.append_rows("once", [{"a": 1}], columns, f"third {number % 2}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))
    assert len(without.rows("once")) == warehouse.read("once").count() == 4


def test_one_writer_only_has_a_turn(spark: SparkSession, tmp_path: Path) -> None:
    tables, columns = Tables(path=str(tmp_path)), [Column("a", "INT")]
    warehouse, without = Warehouse(lambda: spark, tables, "shop"), Warehouse(no_session, tables, "shop")
    without.create("turns", columns)
    gate = Barrier(4)

    def append(number: int) -> bool:
        gate.wait(60)
        try:
            without.append_rows("turns", [{"a": number}], columns, f"by {number}", turn=1)
        except TableError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(append, range(4))) == [False, False, False, True]
    with pytest.raises(TableError, match="another run appended at the same time"):
        warehouse.append("turns", spark.createDataFrame([(9,)], "a INT"), "by Spark", turn=1)
    warehouse.append("turns", spark.createDataFrame([(9,)], "a INT"), "by Spark", turn=2)
    with pytest.raises(TableError, match="another run appended at the same time"):
        without.append_rows("turns", [{"a": 8}], columns, "late", turn=2)
    without.append_rows("turns", [{"a": 8}], columns, "next", turn=3)
    found = {row["a"] for row in without.rows("turns")}
    assert len(found) == 3
    assert {8, 9} < found


def test_a_table_that_has_lost_its_log_is_not_one_that_never_was(tmp_path: Path) -> None:
    without, columns = Warehouse(no_session, Tables(path=str(tmp_path)), "shop"), [Column("a", "INT")]
    without.create("ledger", columns)
    without.append_rows("ledger", [{"a": 1}], columns, "one")
    shutil.rmtree(tmp_path / "shop/ledger/_delta_log")
    for read in (without.rows, without.exists, lambda table: without.create(table, columns)):
        with pytest.raises(TableError, match="shop/ledger: holds data and no log of Delta"):
            read("ledger")


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    without = Warehouse(no_session, Tables(path=str(tmp_path)), "shop")
    without.create("t", [Column("a", "INT", nullable=False), Column("b", "ARRAY<STRUCT<x: DOUBLE>>")])
    without.create("t", [Column("b", "ARRAY<STRUCT<x:DOUBLE>>"), Column("a", "INT")])
    with pytest.raises(TableError, match="column b is ARRAY<STRUCT<X:DOUBLE>> in the table and missing in the declar"):
        without.create("t", [Column("a", "INT")])
    with pytest.raises(TableError, match="column a is INT in the table and BIGINT in the declaration"):
        without.create("t", [Column("a", "BIGINT"), Column("b", "ARRAY<STRUCT<x:DOUBLE>>")])


def test_declared_types_are_those_that_spark_takes_them_for(spark: SparkSession) -> None:
    assert spark is not None
    nested = ("ARRAY<STRING>", "MAP<STRING,BIGINT>", "ARRAY<STRUCT<lower:DOUBLE,n:BIGINT>>", "DECIMAL(12,3)", "BINARY")
    for ddl in (*PRIMITIVES, *nested):
        assert type_of(ddl) == DataType.fromDDL(ddl), ddl


def test_a_folder_tells_of_its_log_what_spark_tells(spark: SparkSession, tmp_path: Path) -> None:
    warehouse, table = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "here"), "t"
    columns = [Column("a", "INT")]
    warehouse.create(table, columns)
    for batch in ("one", "two", "three"):
        warehouse.append_rows(table, [{"a": 1}], columns, batch)
    (detail,) = spark.sql(f"DESCRIBE DETAIL {warehouse.name(table)}").collect()
    assert warehouse.id_of(table) == detail["id"]
    history = {row["userMetadata"]: row for row in spark.sql(f"DESCRIBE HISTORY {warehouse.name(table)}").collect()}
    for batch in ("one", "two", "three"):
        found = warehouse.brought(table, batch)
        assert (found.id, found.version) == (detail["id"], history[batch]["version"])
        # The log tells when the commit was written, Spark when its file was.
        written = datetime.fromisoformat(found.timestamp)
        assert abs(written - history[batch]["timestamp"].astimezone(UTC)) < timedelta(seconds=5)
    assert warehouse.commit_of(table, "four") is None
    # A log without a commit is that of no table, for both.
    (tmp_path / "here" / "empty" / "_delta_log").mkdir(parents=True)
    assert warehouse.log("empty") is None
    assert warehouse.id_of("empty") is None
