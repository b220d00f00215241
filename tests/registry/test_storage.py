"""What is stored is MLflow's Spark flavour, however it came from Spark to MLflow."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import mlflow.spark
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.testing import assertDataFrameEqual

from solvent.estimators.learned import model_digest
from solvent.registry import storage


@pytest.fixture(scope="module")
def orders(spark: SparkSession) -> DataFrame:
    rows = [(10.0, 9, "north", 0), (90.0, 21, "south", 2), (50.0, 12, "north", 1)]
    return spark.createDataFrame(rows, "order_amount DOUBLE, hour INT, region STRING, returns_14d BIGINT")


def test_mlflow_itself_reads_what_was_stored(newly_released: Any, orders: DataFrame) -> None:
    registry = newly_released.run().registry
    version = registry.find("shop", "1")
    own = registry.load(version).transform(orders)
    again = mlflow.spark.load_model("models:/shop/1").transform(orders)
    assertDataFrameEqual(again.select("prediction", "probability"), own.select("prediction", "probability"))
    told = mlflow.models.get_model_info(version.source)
    assert [column.name for column in told.signature.inputs] == ["order_amount", "hour", "returns_14d", "region"]
    predicted = mlflow.pyfunc.load_model("models:/shop/1").predict(orders.toPandas())
    assert predicted == [row["prediction"] for row in own.collect()]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_model_passes_through_scratch_and_leaves_nothing_there(
    scheme: str, newly_released: Any, tmp_path: Path
) -> None:
    registry = newly_released.run().registry
    version = registry.find("shop", "1")
    scratch = tmp_path / "scratch"
    storage.write(registry.load(version), tmp_path / "first", f"{scheme}{scratch}")
    storage.write(storage.read(tmp_path / "first", f"{scheme}{scratch}"), tmp_path / "second", None)
    assert {model_digest(tmp_path / name) for name in ("first", "second")} == {version.digest}
    assert list(scratch.iterdir()) == []


def test_the_files_of_a_model_are_there_as_long_as_it_is(
    newly_released: Any, orders: DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark 4.0 reads some of them when the model is used."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    registry = newly_released.run().registry
    model = registry.load(registry.find("shop", "1"))
    (folder,) = tmp_path.iterdir()
    assert (folder / storage.SPARKML / "stages").is_dir()
    scored = model.transform(orders)
    del model
    assert list(tmp_path.iterdir()) == []
    assert scored.count() == 3


def test_a_pipeline_that_python_wrote_has_the_digest_of_one_that_java_wrote(
    newly_released: Any, tmp_path: Path
) -> None:
    """As over Spark Connect; tests/cluster has a real one."""
    registry = newly_released.run().registry
    version = registry.find("shop", "1")
    storage.write(registry.load(version), tmp_path / "model", None)
    (path,) = (tmp_path / "model/metadata").glob("part-*")
    document = json.loads(path.read_text())
    document |= {"class": "pyspark.ml.pipeline.PipelineModel"}
    document["paramMap"] |= {"language": "Python"}
    path.write_text(json.dumps(document))
    assert model_digest(tmp_path / "model") == version.digest
    document["paramMap"]["stageUids"].pop()
    path.write_text(json.dumps(document))
    assert model_digest(tmp_path / "model") != version.digest
