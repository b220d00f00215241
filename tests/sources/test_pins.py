"""What was pinned is what is read: types have one name, pins of before stay good, and a log that was changed is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.config.source import Source
from solvent.errors import IntegrityError
from solvent.identity import Manifest
from solvent.registry import ModelVersion
from solvent.sources.pins import IngestedBatch, Pin, pin, read_source, verified_content
from solvent.tables.columns import as_written
from solvent.tables.digest import content_of
from solvent.tables.warehouse import Warehouse
from solvent.training.manifests import append_manifest, require_copy

SOURCE = Source.model_validate({"schema": "id INT, price DECIMAL, tax decimal( 5 ), `net` DECIMAL(9,2)", "key": ["id"]})


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    return Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")


@pytest.fixture
def pinned(warehouse: Warehouse) -> Pin:
    """Three rows, as ingestion pins them."""
    warehouse.create("source_orders", SOURCE.columns)
    columns = ", ".join(column.ddl for column in SOURCE.columns)
    rows = warehouse.spark.createDataFrame([], columns).unionAll(
        warehouse.spark.sql(
            "SELECT CAST(id AS INT), CAST(id AS DECIMAL(10,0)), CAST(1 AS DECIMAL(5,0)), CAST(2 AS DECIMAL(9,2)) FROM range(3)"
        )
    )
    warehouse.append("source_orders", rows, "a")
    at = warehouse.brought("source_orders", "a")
    content, count = content_of(rows).text, rows.count()
    ingested = IngestedBatch(
        *("orders", "a", 1, count, count, 0, 0),
        *(at.id, at.version, at.timestamp, content, content, datetime(2024, 1, 1, tzinfo=UTC)),
    )
    return pin("orders", SOURCE, ingested)


def test_a_pin_and_what_is_read_name_a_type_alike(warehouse: Warehouse, pinned: Pin) -> None:
    assert verified_content(warehouse, SOURCE, pinned) == pinned.digest
    written = as_written(SOURCE.ddl)
    assert written == ["id int", "price decimal", "tax decimal(5)", "net decimal(9,2)"]
    content = content_of(warehouse.read("source_orders").select("id", "price", "tax", "net"))
    before = replace(pinned, digest=content.digest(written))
    assert before.digest != pinned.digest
    assert verified_content(warehouse, SOURCE, before) == before.digest
    other = replace(pinned, digest=(content + content).digest(written))
    assert verified_content(warehouse, SOURCE, other) == pinned.digest


def test_a_log_that_lost_a_file_is_refused_when_its_source_is_read(warehouse: Warehouse, pinned: Pin) -> None:
    assert read_source(warehouse, SOURCE, pinned).count() == 3
    log = Path(warehouse.location("source_orders")) / "_delta_log" / f"{pinned.version:020}.json"
    lines = log.read_text().splitlines()
    added = [line for line in lines if "add" in json.loads(line)]
    log.write_text("\n".join(line for line in lines if line != added[-1]) + "\n")
    with pytest.raises(IntegrityError, match=r"source_orders: version 1 had 3 rows when it was pinned, and has [0-2]"):
        read_source(warehouse, SOURCE, pinned)


def test_a_copy_of_a_manifest_that_is_another_is_refused(warehouse: Warehouse) -> None:
    version = ModelVersion("shop", 1, "run", "models:/m-1", "0" * 64, "1" * 64)
    manifest = Manifest({"as_of": "2024-03-01", "commit": {"hash": "a" * 40}})
    assert not require_copy(warehouse, version, manifest)
    append_manifest(warehouse, version, manifest)
    append_manifest(warehouse, version, manifest)
    assert require_copy(warehouse, version, manifest)
    changed = Manifest({**manifest.document, "as_of": "2024-03-02"})
    with pytest.raises(
        IntegrityError, match=r"shop version 1: its manifest in .*/shop/manifests \(digest .*\) is not the"
    ):
        append_manifest(warehouse, version, changed)
