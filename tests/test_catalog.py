"""Tables addressed by catalog and schema, tried on Spark's own session catalog: the life of a model is that of tables below a path."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pyspark.sql import SparkSession

from solvent.cli import main
from solvent.config.environment import Tables
from solvent.config.expressions import Column
from solvent.errors import IntegrityError, TableError
from solvent.registry import CHAMPION
from solvent.sources.pins import read_source
from solvent.tables.warehouse import Warehouse

CATALOG, SCHEMA = "spark_catalog", "solvent_shop"


def solvent(shop: Any, *words: str) -> str:
    """What a command says; it must end well."""
    done = CliRunner().invoke(main, ["--root", str(shop.root), *words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def cataloged(newly_released: Any, make_shop: Any) -> Any:
    """The project of newly_released, with its tables in a schema, and a champion that the gates let pass."""
    shop = make_shop()
    (shop.root / "conf/shop/model.yml").write_text((newly_released.root / "conf/shop/model.yml").read_text())
    path = shop.root / "conf/environments/local.yml"
    local = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**local, "tables": {"catalog": CATALOG, "schema": SCHEMA}}))
    shop.commit()
    as_of = ("--as-of", shop.as_of.isoformat())
    solvent(shop, "ingest")
    solvent(shop, "train", *as_of)
    solvent(shop, "evaluate")
    assert "shop version 1 is champion" in solvent(shop, "release")
    return shop


def test_model_features_and_predictions_are_those_of_tables_below_a_path(cataloged: Any, newly_released: Any) -> None:
    manifests = []
    for shop in (newly_released, cataloged):
        registry = shop.run().registry
        champion = registry.by_alias("shop", CHAMPION)
        assert champion is not None
        manifests.append(registry.manifest(champion))
    below, named = manifests
    assert named["model_digest"] == below["model_digest"]
    assert named["predictions_digest"] == below["predictions_digest"]
    assert named["features"]["digest"] == below["features"]["digest"]
    assert named["metrics"] == below["metrics"]
    pins = [[(pin["source"], pin["rows"], pin["digest"]) for pin in one["pins"]] for one in manifests]
    assert pins[0] == pins[1]


def test_no_table_is_anywhere_but_in_the_schema(cataloged: Any, spark: SparkSession) -> None:
    found = {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {CATALOG}.{SCHEMA}").collect()}
    assert {
        "shop_source_orders",
        "shop_ingest_batches",
        "shop_evaluations",
        "shop_manifests",
        "shop_decisions",
    } <= found
    assert all(name.startswith("shop_") for name in found)
    assert not (cataloged.root / "var/tables").exists()


def test_a_model_is_scored_watched_and_made_again(cataloged: Any) -> None:
    assert "scored" in solvent(cataloged, "score", "--since", "2024-02-20", "--until", "2024-02-25")
    assert "there already" in solvent(cataloged, "score", "--since", "2024-02-20", "--until", "2024-02-25")
    assert "metrics and slices deviate" in solvent(cataloged, "monitor", "--as-of", "2024-03-01")
    assert "identical: shop version 1 was made again exactly" in solvent(cataloged, "reproduce")


def test_history_and_plan_read_the_same_ledgers(cataloged: Any) -> None:
    assert "version 1 champion (was None)" in solvent(cataloged, "history")
    assert "shop version 1 is what this commit makes" in solvent(cataloged, "plan")
    warehouse = cataloged.run().warehouse
    (decision,) = warehouse.rows("decisions")
    assert (decision["to_version"], decision["passed"], decision["decided_at"].tzinfo) == (1, True, UTC)
    assert warehouse.rows("never_made") == []


def test_a_pinned_version_is_read_and_another_table_of_that_name_refused(cataloged: Any, spark: SparkSession) -> None:
    run = cataloged.run()
    pinned = next(pin for pin in run.pins if pin.source == "customers")
    source = run.project.sources["customers"]
    assert read_source(run.warehouse, source, pinned).count() == pinned.rows == 20
    before = run.warehouse.read("source_customers", 0)
    assert before.count() == 0
    with pytest.raises(TableError, match=rf"{CATALOG}\.{SCHEMA}\.shop_source_customers: cannot be read at version 99"):
        run.warehouse.read("source_customers", 99)
    other = Warehouse(lambda: spark, Tables(schema="solvent_other"), "shop")
    other.create("source_customers", [Column(column.name, column.type) for column in source.columns])
    with pytest.raises(IntegrityError, match="the table pinned has id"):
        read_source(other, source, pinned)


def test_without_a_catalog_the_sessions_is_meant(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(lambda: spark, Tables(schema="solvent_plain"), "shop")
    assert not warehouse.exists("names")
    assert warehouse.id_of("names") is None
    columns = [Column("name", "STRING")]
    warehouse.create("names", columns)
    warehouse.append_rows("names", [{"name": "a"}], columns, "first")
    warehouse.append_rows("names", [{"name": "a"}], columns, "first")
    assert warehouse.location("names") == "solvent_plain.shop_names"
    assert [row["name"] for row in warehouse.read("names").collect()] == ["a"]
    assert warehouse.brought("names", "first").version == 1
    named = Warehouse(lambda: spark, Tables(catalog=CATALOG, schema="solvent_plain"), "shop")
    assert named.id_of("names") == warehouse.id_of("names")
    with pytest.raises(TableError, match=r"solvent_plain\.shop_names: column name is STRING in the table and BIGINT"):
        warehouse.create("names", [Column("name", "BIGINT")])
