"""The same rows give the same model to the last bit; what cannot be learned is refused in a line; what is missing can be scored."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.config.estimator import Estimator
from solvent.errors import IntegrityError, TrainingError
from solvent.estimators.layout import canonical_layout
from solvent.estimators.learned import model_digest
from solvent.estimators.spark_ml import Inputs, fit, predict

SCHEMA = "day INT, number INT, size DOUBLE, count BIGINT, flag BOOLEAN, color STRING, shape STRING, label DOUBLE"
INPUTS = Inputs.of({"size": "double", "color": "string", "count": "bigint", "flag": "boolean", "shape": "string"})
KEY = ["day", "number"]
ESTIMATORS = {
    "LogisticRegression": Estimator(estimator="pyspark.ml.classification.LogisticRegression", params={"maxIter": 8}),
    "RandomForestClassifier": Estimator(
        estimator="pyspark.ml.classification.RandomForestClassifier", params={"numTrees": 4, "maxDepth": 3}, seed=7
    ),
    "GBTClassifier": Estimator(
        estimator="pyspark.ml.classification.GBTClassifier",
        params={"maxIter": 3, "maxDepth": 3, "subsamplingRate": 0.7},
        seed=7,
    ),
    "LinearRegression": Estimator(
        estimator="pyspark.ml.regression.LinearRegression", params={"maxIter": 8, "regParam": 0.1}
    ),
}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    """Rows with missing numbers and categories, whose label depends on all columns."""
    rng = np.random.default_rng(1)
    size, count = rng.normal(0, 3, 400).round(3), rng.integers(0, 50, 400)
    flag, color = rng.random(400) < 0.5, rng.choice(["blue", "green", "red"], 400)
    label = (size + count / 10 + 2 * flag + (color == "red") + rng.normal(0, 2, 400) > 4).astype(float)
    rows = {
        "day": np.arange(400) // 20,
        "number": np.arange(400) % 20,
        "size": np.where(rng.random(400) < 0.1, None, size),
        "count": count,
        "flag": flag,
        "color": np.where(rng.random(400) < 0.05, None, color),
        "shape": rng.choice(["round", "square"], 400),
        "label": label,
    }
    return pd.DataFrame(rows).astype({"size": object, "color": object})


def frame(spark: SparkSession, data: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame([tuple(row) for row in data.astype(object).itertuples(index=False)], SCHEMA)


class Saved:
    """A fitted model, saved in a folder."""

    def __init__(self, model: PipelineModel, folder: Path) -> None:
        self.model, self.folder = model, folder
        model.write().overwrite().save(str(folder))
        self.digest = model_digest(folder)

    def part(self, stage: str, pattern: str) -> Path:
        (path,) = self.folder.glob(f"stages/*_{stage}_*/{pattern}")
        return path


@pytest.fixture(scope="module")
def fitted(spark: SparkSession, data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Fits each estimator once."""
    made: dict[str, Saved] = {}
    rows = frame(spark, data).coalesce(1)

    def of(name: str) -> Saved:
        if name not in made:
            made[name] = Saved(fit(rows, ESTIMATORS[name], INPUTS, KEY), tmp_path_factory.mktemp("models") / name)
        return made[name]

    return of


@pytest.mark.parametrize("name", ESTIMATORS)
def test_order_and_partitions_of_the_rows_do_not_change_a_bit(
    spark: SparkSession, data: pd.DataFrame, fitted: Any, tmp_path: Path, name: str
) -> None:
    shuffled = frame(spark, data.sample(frac=1, random_state=3)).repartition(7, F.rand(5))
    again = Saved(fit(shuffled, ESTIMATORS[name], INPUTS, KEY), tmp_path / "again")
    first = fitted(name)
    assert again.digest == first.digest
    # Identifiers and times are not the same.
    assert again.model.stages[-1].uid != first.model.stages[-1].uid


def test_another_seed_is_another_forest(spark: SparkSession, data: pd.DataFrame, fitted: Any, tmp_path: Path) -> None:
    other = ESTIMATORS["RandomForestClassifier"].model_copy(update={"seed": 8})
    saved = Saved(fit(frame(spark, data), other, INPUTS, KEY), tmp_path / "other")
    assert saved.digest != fitted("RandomForestClassifier").digest


def test_the_layout_puts_and_sorts_rows_by_key(spark: SparkSession, data: pd.DataFrame) -> None:
    def layout(rows: DataFrame) -> list[list[tuple[int, int]]]:
        laid = canonical_layout(rows, KEY, 2).withColumn("_part", F.spark_partition_id())
        found: dict[int, list[tuple[int, int]]] = {}
        for row in laid.select(*KEY, "_part").collect():
            found.setdefault(row["_part"], []).append((row["day"], row["number"]))
        return [found[part] for part in sorted(found)]

    parts = layout(frame(spark, data).coalesce(1))
    assert parts == layout(frame(spark, data.sample(frac=1, random_state=4)).repartition(5))
    assert len(parts) == 2
    assert all(part == sorted(part) for part in parts)


def test_the_last_bit_of_a_coefficient_changes_the_digest_and_the_clock_does_not(fitted: Any, tmp_path: Path) -> None:
    saved = fitted("LogisticRegression")
    stage = "LogisticRegression"
    metadata = saved.part(stage, "metadata/part-00000*")
    text = metadata.read_text()
    document = json.loads(text)
    later = text.replace(str(document["timestamp"]), str(document["timestamp"] + 1))
    assert later != text
    weights = saved.part(stage, "data/part-*.parquet")
    table = pq.read_table(weights)
    (row,) = table.to_pylist()
    before = row["coefficientMatrix"]["values"][0]
    assert before != 0
    row["coefficientMatrix"]["values"][0] = math.nextafter(before, math.inf)
    try:
        metadata.write_text(later)
        assert model_digest(saved.folder) == saved.digest
        pq.write_table(pa.Table.from_pylist([row], schema=table.schema), weights)
        assert model_digest(saved.folder) != saved.digest
    finally:
        metadata.write_text(text)
        pq.write_table(table, weights)
    # Other bytes of the same values.
    assert model_digest(saved.folder) == saved.digest
    metadata.write_text(text.replace('"maxIter":8', '"maxIter":9'))
    try:
        assert model_digest(saved.folder) != saved.digest
    finally:
        metadata.write_text(text)
    with pytest.raises(IntegrityError, match="holds no saved Spark ML model"):
        model_digest(tmp_path)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_missing_or_was_never_seen_can_be_scored(spark: SparkSession, fitted: Any, name: str) -> None:
    rows = [
        (0, 0, 1.0, 5, True, "red", "round", None),
        (0, 1, None, None, None, None, None, None),
        (0, 2, math.nan, 5, True, "violet", "round", None),
        (0, 3, 1e300, -5, False, "", "oval", None),
    ]
    estimator = ESTIMATORS[name]
    scored = predict(fitted(name).model, spark.createDataFrame(rows, SCHEMA), estimator.kind, KEY)
    assert scored.columns == [*KEY, "prediction"]
    found = {row["number"]: row["prediction"] for row in scored.collect()}
    assert found.keys() == {0, 1, 2, 3}
    assert all(math.isfinite(value) for value in found.values())
    if estimator.kind == "binary":
        assert all(0 <= value <= 1 for value in found.values())
        assert len(set(found.values())) > 1


def test_a_missing_number_counts_as_the_mean_and_missing_and_unseen_categories_alike(
    spark: SparkSession, data: pd.DataFrame, fitted: Any
) -> None:
    mean = float(data["size"].dropna().astype(float).mean())
    rows = [
        (0, 0, None, 5, True, None, "round", None),
        (0, 1, mean, 5, True, "violet", "round", None),
        (0, 2, mean + 1, 5, True, "violet", "round", None),
    ]
    scored = predict(fitted("LinearRegression").model, spark.createDataFrame(rows, SCHEMA), "regression", ["number"])
    missing, at_mean, above = (row["prediction"] for row in scored.orderBy("number").collect())
    assert missing == pytest.approx(at_mean, rel=1e-12)
    assert above != pytest.approx(at_mean, rel=1e-3)


def test_numbers_missing_in_every_row_are_refused(spark: SparkSession, data: pd.DataFrame) -> None:
    rows = frame(spark, data).withColumns(
        {"size": F.when(F.col("number") > 3, F.lit(float("nan"))), "flag": F.lit(None).cast("boolean")}
    )
    with pytest.raises(TrainingError, match="feature size, flag: missing in every training row"):
        fit(rows, ESTIMATORS["GBTClassifier"], INPUTS, KEY)


@pytest.mark.parametrize("name", ["GBTClassifier", "LogisticRegression"])
def test_categories_missing_in_every_row_are_refused(spark: SparkSession, data: pd.DataFrame, name: str) -> None:
    rows = frame(spark, data).withColumn("color", F.lit(None).cast("string"))
    with pytest.raises(TrainingError, match="feature color: missing in every training row"):
        fit(rows, ESTIMATORS[name], INPUTS, KEY)


@pytest.mark.parametrize("name", ["GBTClassifier", "LogisticRegression"])
def test_an_empty_text_is_a_missing_category(
    spark: SparkSession, data: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    """In learning and in scoring: the model is that of rows where it is null."""
    empty, null = (frame(spark, data).withColumn("color", F.coalesce("color", to)) for to in (F.lit(""), F.lit(None)))
    one, other = (Saved(fit(rows, ESTIMATORS[name], INPUTS, KEY), tmp_path / name) for rows in (empty, null))
    assert one.digest == other.digest
    scored = [predict(one.model, rows, "binary", KEY).orderBy(*KEY).collect() for rows in (empty, null)]
    assert scored[0] == scored[1]


def test_fewer_bins_than_categories_are_refused_with_the_number_to_set(spark: SparkSession, data: pd.DataFrame) -> None:
    rows = frame(spark, data).withColumn("shape", F.concat(F.lit("s"), F.col("day")))
    tree = Estimator(
        estimator="pyspark.ml.classification.DecisionTreeClassifier", params={"maxBins": 20, "maxDepth": 1}
    )
    with pytest.raises(TrainingError, match=r"set baseline\.params\.maxBins to 21 or more"):
        fit(rows, tree, INPUTS, KEY, "baseline")
    with pytest.raises(TrainingError) as caught:
        fit(rows, tree, INPUTS, KEY)
    assert "feature shape: has 20 categories, and one for unknown ones, but the trees have 20 bins" in str(caught.value)
    assert "set model.params.maxBins to 21 or more" in str(caught.value)
    assert fit(rows, tree.model_copy(update={"params": {"maxBins": 21, "maxDepth": 1}}), INPUTS, KEY).stages


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (Estimator(estimator="pyspark.ml.classification.NaiveBayes"), r"NaiveBayes: .*MUST NOT be Negative"),
        (
            Estimator(estimator="pyspark.ml.classification.LogisticRegression", params={"regParam": -1.0}),
            r"LogisticRegression: .*regParam",
        ),
        # What fails in a task comes with the stack traces of Java.
        (
            Estimator(
                estimator="pyspark.ml.regression.GeneralizedLinearRegression", params={"family": "gamma", "maxIter": 1}
            ),
            r"GeneralizedLinearRegression: .*should be positive",
        ),
    ],
    ids=["rows", "parameter", "task"],
)
def test_a_failure_of_the_estimator_is_one_line(
    spark: SparkSession, data: pd.DataFrame, estimator: Estimator, says: str
) -> None:
    with pytest.raises(TrainingError, match=says) as caught:
        fit(frame(spark, data), estimator, INPUTS, KEY)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 350


def test_inputs_are_numbers_and_categories_in_their_order() -> None:
    assert (INPUTS.numbers, INPUTS.categories) == (("size", "count", "flag"), ("color", "shape"))
    assert INPUTS.names == ("size", "count", "flag", "color", "shape")
