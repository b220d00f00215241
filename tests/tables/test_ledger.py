"""Small tables read without Spark are what Spark reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from solvent.config.environment import load_environment
from solvent.config.expressions import Column
from solvent.tables.ledger import ledger_rows
from solvent.tables.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    Column("name", "STRING"),
    Column("n", "BIGINT"),
    Column("parts", "ARRAY<STRUCT<a:STRING,b:DOUBLE>>"),
    Column("at", "TIMESTAMP"),
)


def test_rows_are_those_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    environment = load_environment("local", ROOT).within(folder)
    warehouse = Warehouse(spark, environment.tables, "shop")
    assert ledger_rows(environment, "shop", "ledger") == []
    warehouse.create("ledger", COLUMNS)
    assert ledger_rows(environment, "shop", "ledger") == []
    at = datetime(2024, 3, 1, 12, tzinfo=UTC)
    rows = [("a", 1, [("x", 0.5), ("y", None)], at), (None, None, None, None), ("c", 3, [], at)]
    for number, row in enumerate(rows):
        warehouse.append_rows("ledger", [row], COLUMNS, str(number))
    found = sorted(ledger_rows(environment, "shop", "ledger"), key=lambda row: str(row["name"]))
    assert [row["name"] for row in found] == [None, "a", "c"]
    assert found[1]["parts"] == [{"a": "x", "b": 0.5}, {"a": "y", "b": None}]
    assert found[1]["at"] == at.replace(tzinfo=None)
    expected = [row.asDict(recursive=True) for row in warehouse.read("ledger").drop("at").collect()]
    keyed = sorted(expected, key=lambda row: str(row["name"]))
    assert [{name: row[name] for name in ("name", "n", "parts")} for row in found] == keyed
