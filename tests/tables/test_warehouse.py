"""Tables under several writers, and small ones without Spark."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.config.expressions import Column
from solvent.tables.warehouse import Warehouse, in_utc


def test_a_table_is_made_once_by_writers_that_come_while_it_is_being_made(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "race")
    failed: list[str] = []

    def make(table: str, gate: Barrier, delay: float) -> None:
        gate.wait(60)
        time.sleep(delay)
        try:
            warehouse.create(table, [Column("a", "INT")])
        except Exception as error:
            failed.append(str(error))

    for number in range(10):
        gate = Barrier(3)
        writers = [Thread(target=make, args=(f"t{number}", gate, 0.03 * late * (number % 5))) for late in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert warehouse.read(f"t{number}").columns == ["a"]
    assert failed == []


def test_rows_of_a_small_table_are_those_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    def no_session() -> SparkSession:
        raise AssertionError("a session was asked for")

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
    warehouse.create("ledger", columns)
    assert without.rows("ledger") == []
    at = datetime(2024, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    rows = [("a", 1, [("x", 0.5), ("y", None)], at.date(), at), (None,) * 5, ("c", 3, [], at.date(), at)]
    for number, row in enumerate(rows):
        warehouse.append_rows("ledger", [row], columns, str(number))
    found = sorted(without.rows("ledger"), key=lambda row: str(row["name"]))
    assert [row["name"] for row in found] == [None, "a", "c"]
    assert found[1]["parts"] == [{"a": "x", "b": 0.5}, {"a": "y", "b": None}]
    assert (found[1]["at"], found[1]["day"]) == (at, at.date())
    spark_reads = [in_utc(row.asDict(recursive=True)) for row in warehouse.read("ledger").collect()]
    assert sorted(spark_reads, key=lambda row: str(row["name"])) == found


def test_a_folder_tells_of_its_log_what_spark_tells(spark: SparkSession, tmp_path: Path) -> None:
    warehouse, table = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "here"), "t"
    columns = [Column("a", "INT")]
    warehouse.create(table, columns)
    for batch in ("one", "two", "three"):
        warehouse.append_rows(table, [(1,)], columns, batch)
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
