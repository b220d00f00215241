"""A parameter search learns from the past alone, never touches the holdout, and comes out the same however its rows are read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.cli import main
from solvent.config.base import digest_of
from solvent.config.estimator import Estimator
from solvent.config.windows import Intervals
from solvent.errors import TrainingError
from solvent.estimators.spark_ml import Inputs
from solvent.identity import Manifest
from solvent.importance import importances
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.report import version_page
from solvent.jobs.train import train_models
from solvent.jobs.trainings import trained_before, training_on
from solvent.kinds import metrics_by_name
from solvent.report import model_page
from solvent.reproduction.findings import search_finding
from solvent.training import SearchResult, learned_by, search
from solvent.training.search import CountedFold, counted, decided, folds_of

START = datetime(2024, 1, 1, tzinfo=UTC)
WINDOWS = Intervals(train_start=START, holdout_start=START + timedelta(days=40), holdout_end=START + timedelta(days=50))
SCHEMA = "number INT, size DOUBLE, label DOUBLE, prediction_time TIMESTAMP, label_available_time TIMESTAMP"
INPUTS = Inputs.of({"size": "double"})
SEARCH = "search: {params: {regParam: [9.0, 0.1]}, folds: 1}"


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def frame(spark: SparkSession, rows: Sequence[tuple[float, float, float, float]]) -> DataFrame:
    """Rows of size, label, day of prediction and day on which the label is available."""
    values = [
        (number, float(size), float(label), day(predicted), day(available))
        for number, (size, label, predicted, available) in enumerate(rows)
    ]
    return spark.createDataFrame(values, SCHEMA)


def logistic(params: dict[str, list[Any]], folds: int = 2, metric: str | None = None) -> Estimator:
    """An estimator with a search."""
    return Estimator.model_validate(
        {
            "estimator": "pyspark.ml.classification.LogisticRegression",
            "params": {"maxIter": 3},
            "search": {"params": params, "folds": folds, "metric": metric},
        }
    )


def searched(rows: DataFrame, estimator: Estimator) -> SearchResult:
    found = search(rows, estimator, INPUTS, ["number"], WINDOWS, 0.5)
    assert found is not None
    return found


def test_cuts_are_at_equal_distances_in_the_training_window() -> None:
    assert [(fold.cut, fold.end) for fold in folds_of(WINDOWS, 3)] == [
        (day(10), day(20)),
        (day(20), day(30)),
        (day(30), day(40)),
    ]


@given(st.integers(1, 12), st.timedeltas(timedelta(minutes=1), timedelta(days=4000)))
def test_folds_follow_one_another_up_to_the_holdout(number: int, length: timedelta) -> None:
    windows = Intervals(train_start=START, holdout_start=START + length, holdout_end=START + 2 * length)
    folds = folds_of(windows, number)
    assert len(folds) == number
    assert folds[-1].end == windows.holdout_start
    assert all(before.end == after.cut for before, after in pairwise(folds))
    span = length / (number + 1)
    edges = [windows.train_start, *(fold.end for fold in folds)]
    assert all(abs(fold.end - fold.cut - span) <= timedelta(microseconds=1) for fold in folds)
    assert abs(folds[0].cut - edges[0] - span) <= timedelta(microseconds=1)


def test_a_fold_learns_from_no_row_and_no_label_after_its_cut(spark: SparkSession) -> None:
    # Folds are cut at days 10, 20 and 30. Rows: day of prediction and day on which the label is available.
    times = [
        (0, 1),
        (9, 9.9),
        (9, 10),
        (9, 15),
        (9.9, 39),
        (10, 11),
        (19, 30),
        (20, 21),
        (30, 31),
        (39, 39.5),
        (40, 41),
    ]
    rows = frame(spark, [(0, number % 2, *one) for number, one in enumerate(times)])
    sets = {
        fold.number: tuple(
            {times[row.number] for row in rows.where(use).collect()} for use in (fold.fitted, fold.measured)
        )
        for fold in folds_of(WINDOWS, 3)
    }
    assert sets == {
        1: ({(0, 1), (9, 9.9)}, {(10, 11), (19, 30)}),
        2: ({(0, 1), (9, 9.9), (9, 10), (9, 15), (10, 11)}, {(20, 21)}),
        3: ({(0, 1), (9, 9.9), (9, 10), (9, 15), (10, 11), (20, 21)}, {(30, 31), (39, 39.5)}),
    }
    found = counted(rows, folds_of(WINDOWS, 3), "binary")
    assert [(one.fitted_rows, one.measured_rows) for one in found] == [(2, 2), (5, 1), (6, 2)]


@pytest.fixture(scope="module")
def data() -> list[tuple[float, float, float, float]]:
    """Rows whose label is almost told by their size, known two days later."""
    rng = np.random.default_rng(5)
    sizes = rng.normal(0, 1, 160)
    labels = sizes + rng.normal(0, 0.3, 160) > 0
    return [(size, label, at / 4, at / 4 + 2) for at, (size, label) in enumerate(zip(sizes, labels, strict=True))]


def test_the_better_parameter_is_chosen_whatever_the_order_and_partitions_of_the_rows(
    spark: SparkSession, data: list[tuple[float, float, float, float]]
) -> None:
    estimator = logistic({"regParam": [9.0, 0.01], "standardization": [True]})
    rows = frame(spark, data)
    found = searched(rows.coalesce(1), estimator)
    assert found.chosen == {"regParam": 0.01, "standardization": True}
    assert found.metric == "log_loss"
    worse, better = found.candidates
    assert max(better.values) < 0.4 < 0.6 < min(worse.values)
    assert better.mean == pytest.approx(sum(better.values) / 2)
    assert [(one.cut, one.end) for one in found.folds] == [(day(40 / 3), day(80 / 3)), (day(80 / 3), day(40))]
    # Rows of the holdout, with labels that say the opposite, change nothing.
    holdout = frame(spark, [(size, 1 - label, 40 + at / 40, 42) for at, (size, label, *_) in enumerate(data)])
    shuffled = rows.union(holdout.withColumn("number", F.col("number") + 1000)).repartition(7, F.rand(3))
    assert searched(shuffled, estimator) == found


def test_without_a_search_nothing_is_chosen(spark: SparkSession) -> None:
    estimator = Estimator(estimator="pyspark.ml.classification.LogisticRegression")
    assert search(frame(spark, [(0, 0, 0, 0)]), estimator, INPUTS, ["number"], WINDOWS, 0.5) is None


@pytest.mark.parametrize(
    ("metric", "values", "chosen", "means"),
    [
        ("log_loss", [0.5, 0.25, 0.25, 0.375, 0.125, 0.5], 1, [0.375, 0.3125, 0.3125]),
        ("auc", [0.5, 0.5, 0.875, 0.625, 0.75, 0.75], 1, [0.5, 0.75, 0.75]),
        # Folds biased to either side do not make up for each other.
        ("bias", [-0.5, 0.5, 0.125, 0.25, -0.25, -0.125], 1, [0.5, 0.1875, 0.1875]),
        ("r2", [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 0, [0.5, 0.5, 0.5]),
    ],
)
def test_the_best_mean_wins_and_of_equals_the_first(
    metric: str, values: list[float], chosen: int, means: list[float]
) -> None:
    folds = [CountedFold(**fold.model_dump(), fitted_rows=1, measured_rows=1) for fold in folds_of(WINDOWS, 2)]
    candidates: list[dict[str, Any]] = [{"maxDepth": depth} for depth in (7, 5, 6)]
    found = decided(metrics_by_name()[metric], folds, [one for one in candidates for _ in folds], values)
    assert found.chosen == candidates[chosen]
    assert [one.params for one in found.candidates] == candidates
    assert [one.values for one in found.candidates] == [tuple(values[at : at + 2]) for at in (0, 2, 4)]
    assert [one.mean for one in found.candidates] == means


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [(15, 30), (25, 26)],
            "fold 1, cut at 2024-01-21 00:00 UTC: no label was known before; set fewer search.folds",
        ),
        ([(1, 2), (2, 3)], "fold 1, cut at 2024-01-21 00:00 UTC: no label follows before 2024-02-10 00:00 UTC; set"),
        (
            [(1, 2), (3, 4), (25, 26)],
            "fold 1, cut at 2024-01-21 00:00 UTC: the 2 labels known before are all 1, so that",
        ),
    ],
    ids=["nothing to learn", "nothing to measure", "one class"],
)
def test_a_fold_without_rows_is_named(spark: SparkSession, rows: list[tuple[float, float]], says: str) -> None:
    with pytest.raises(TrainingError) as caught:
        searched(frame(spark, [(1, 1, *times) for times in rows]), logistic({"regParam": [0.1, 0.2]}, folds=1))
    assert f"search: {says}" in str(caught.value)


@pytest.mark.parametrize(
    ("regularization", "metric", "says"),
    [
        (-1.0, None, r"candidate regParam -1\.0: LogisticRegression: .*regParam"),
        (0.2, "auc", r"candidate regParam 0\.1: auc is undefined: one class"),
    ],
    ids=["not learned", "not measured"],
)
def test_a_candidate_that_cannot_be_measured_is_named_with_its_fold(
    spark: SparkSession, regularization: float, metric: str | None, says: str
) -> None:
    rows = frame(spark, [(1, 1, 1, 2), (2, 0, 3, 4), (1, 1, 25, 26)])
    with pytest.raises(TrainingError, match=rf"^search: fold 1, cut at 2024-01-21 00:00 UTC, {says}"):
        searched(rows, logistic({"regParam": [0.1, regularization]}, folds=1, metric=metric))


def solvent(shop: Any, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(shop.root), *words])


@pytest.fixture(scope="module")
def trained(make_shop: Any) -> Any:
    """A Shop whose model was chosen by a search."""
    shop = make_shop()
    shop.configure(
        "GBTClassifier\n  params: {maxIter: 2, maxDepth: 3}",
        f"LogisticRegression\n  params: {{maxIter: 3}}\n  {SEARCH}",
    )
    run = shop.run()
    ingest_files(run)
    train_models(run)
    return shop


def manifests(shop: Any) -> tuple[Manifest, Manifest]:
    """Of the model and of its baseline."""
    registry = shop.run().registry
    return registry.manifest(registry.find("shop", "1")), registry.manifest(registry.find("shop_baseline", "1"))


def test_the_manifest_holds_the_search_and_the_parameters_fitted(trained: Any) -> None:
    model, baseline = manifests(trained)
    found = model["search"]
    assert found["metric"] == "log_loss"
    assert found["chosen"] == {"regParam": 0.1}
    assert [one["params"] for one in found["candidates"]] == [{"regParam": 9.0}, {"regParam": 0.1}]
    assert [one["values"] for one in found["candidates"]] == [[one["mean"]] for one in found["candidates"]]
    (fold,) = found["folds"]
    assert (fold["cut"], fold["end"]) == ("2024-02-03T00:00:00Z", model["windows"]["holdout_start"])
    assert 0 < fold["fitted_rows"] < fold["fitted_rows"] + fold["measured_rows"] < model["training"]["rows"]
    assert model["estimator"]["params"] == {"maxIter": 3, "regParam": 0.1}
    declared = model["configuration"]["resolved"]["model"]
    assert declared["params"] == {"maxIter": 3}
    assert declared["search"] == {"params": {"regParam": [9.0, 0.1]}, "folds": 1, "metric": None}
    # Where none was declared there is none, and the estimator is written as before there were searches.
    assert baseline.search is None
    assert set(baseline["estimator"]) == {"estimator", "params", "seed", "partitions", "inputs"}
    assert Manifest({}).search is None


def test_a_linear_model_tells_what_it_makes_of_features_by_what_they_add(trained: Any) -> None:
    run = trained.run()
    version = run.registry.find("shop", "1")
    rows, names = trained_before(run, version).holdout_rows, ("order_amount", "hour", "returns_14d", "region")
    found = importances(run.models.load(version), rows, names)
    model = run.models.load(version)
    vectors = PipelineModel(model.stages[:-1]).transform(rows).select("features").toPandas()["features"]
    places, weights = np.stack([one.toArray() for one in vectors]), model.stages[-1].coefficients.toArray()
    # Three numbers, and a place for each region but the last.
    spread = [np.std(places[:, at] @ weights[at]) for at in ([0], [1], [2], slice(3, None))]
    assert sum(found.shares.values()) == pytest.approx(1)
    assert {name: found.shares[name] for name in names} == pytest.approx(
        dict(zip(names, spread / sum(spread), strict=True))
    )


def test_history_says_that_nothing_was_decided(trained: Any) -> None:
    said = CliRunner().invoke(main, ["--root", str(trained.root), "history", "--project", "shop"])
    assert said.output == "no decision on a champion of shop was made yet; `solvent release` makes the first\n"


def test_mlflow_has_the_parameters_chosen_and_the_candidates(trained: Any) -> None:
    registry = trained.run().registry
    version, baseline = registry.find("shop", "1"), registry.find("shop_baseline", "1")
    assert registry.client.get_run(version.run_id).data.params["params.regParam"] == "0.1"
    path = mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="search.json")
    assert json.loads(Path(path).read_text()) == manifests(trained)[0]["search"]
    assert "search.json" not in {one.path for one in registry.client.list_artifacts(baseline.run_id)}


def test_a_searched_model_is_made_again_with_its_search(trained: Any) -> None:
    result = solvent(trained, "reproduce", "--model", "1")
    assert result.exit_code == 0, result.output
    assert "identical: shop version 1 was made again exactly" in result.output
    parts = [line.split()[0] for line in result.output.splitlines()]
    assert parts[-4:-1] == ["search", "model", "predictions"]


def test_a_second_training_is_skipped_and_another_search_is_another_training(trained: Any) -> None:
    said: list[str] = []
    run = trained.run(say=said.append)
    train_models(run)
    assert "shop version 1 there already" in said[-1]
    assert ", chosen regParam 0.1 of 2 candidates;" in said[-1]
    estimator, build = run.project.model, build_feature_table(run)
    training = training_on(run, "shop", estimator, build)
    assert training.key == manifests(trained)[0]["training"]["key"]
    for declared in (estimator.search.model_copy(update={"folds": 3}), None):
        other = training_on(run, "shop", estimator.model_copy(update={"search": declared}), build)
        assert other.key != training.key
    # Without a search, nothing of it is in the key.
    assert other.key == digest_of(
        {
            "name": "shop",
            "estimator": {"estimator": estimator.estimator, "params": {"maxIter": 3}, "seed": 1, "partitions": 2},
            "features": other.build["digest"],
            "inputs": list(other.inputs.names),
            "as_of": "2024-03-01",
            "windows": other.windows.model_dump(mode="json"),
            "code": {name: other.functions[name] for name in learned_by(other.estimator)},
            "environment": dict(other.environment),
        }
    )


def test_the_page_shows_candidates_by_mean_and_marks_the_one_chosen(trained: Any) -> None:
    run = trained.run()
    page = version_page(run, evaluate_version(run, run.registry.find("shop", "1")), "local")
    text = model_page(page)
    assert "<h2>Parameter search</h2>" in text
    rows = re.findall(r'<tr class="candidate"><th scope="row">(.*?)</th>', text)
    assert rows == ['regParam 0.1 <b class="good">chosen</b>', "regParam 9.0"]
    unsearched = replace(page, manifest=manifests(trained)[1])
    assert "Parameter search" not in model_page(unsearched)


def test_what_a_search_found_otherwise_is_told(trained: Any) -> None:
    recorded = manifests(trained)[0]["search"]
    found = SearchResult.model_validate_json(json.dumps(recorded))
    assert search_finding(recorded, found).identical
    other = search_finding(recorded, found.model_copy(update={"chosen": {"regParam": 9.0}}))
    assert not other.identical
    assert other.detail == "chosen recorded {'regParam': 0.1}, found {'regParam': 9.0}"
    assert not search_finding(recorded, None).identical
