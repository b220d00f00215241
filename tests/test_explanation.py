"""Shares of a score: they add up, are exact where the answer is known, and come with an error that holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from pyspark.ml import Transformer
from pyspark.ml.feature import SQLTransformer
from pyspark.sql import DataFrame, SparkSession

from solvent.config.estimator import Estimator
from solvent.errors import EvaluationError
from solvent.estimators.spark_ml import Inputs, fit, predict
from solvent.explanation import Explanation, explain, sampled, seed_of

SCHEMA = "id INT, size DOUBLE, count BIGINT, still DOUBLE, color STRING, label DOUBLE"
INPUTS = Inputs.of({"size": "double", "count": "bigint", "still": "double", "color": "string"})
ALONE = {name: [name] for name in INPUTS.names}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """Rows whose label depends on size, count and color together; `still` is always 3, and some sizes are missing."""
    rng = np.random.default_rng(5)
    made = []
    for number in range(300):
        size, count, color = rng.normal(), int(rng.integers(0, 9)), str(rng.choice(["blue", "green", "red"]))
        label = float(size * count / 3 + (color == "red") * 2 + rng.normal() > 1)
        made.append((number, None if number % 20 == 7 else float(size), count, 3.0, color, label))
    return spark.createDataFrame(made, SCHEMA).coalesce(2)


@pytest.fixture(scope="module")
def background(rows: DataFrame) -> DataFrame:
    return rows.sparkSession.createDataFrame(sampled(rows, ["id"], 30).collect(), rows.schema).select(*INPUTS.names)


@pytest.fixture(scope="module")
def row(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(2.5, 8, 4.0, "red")], "size DOUBLE, count BIGINT, still DOUBLE, color STRING")


def learned(rows: DataFrame, estimator: str, **params: Any) -> Transformer:
    return fit(rows, Estimator(estimator=f"pyspark.ml.{estimator}", params=params, seed=3), INPUTS, ["id"])


@pytest.fixture(scope="module")
def trees(rows: DataFrame) -> Transformer:
    return learned(rows, "classification.GBTClassifier", maxIter=4, maxDepth=3)


def of(found: Explanation) -> dict[str, float]:
    return {one.player: one.value for one in found.contributions}


def total(found: Explanation) -> float:
    return math.fsum([found.mean, *(one.value for one in found.contributions)])


def exact(
    model: Transformer, kind: str, row: DataFrame, background: DataFrame, players: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Shapley's formula itself: every subset of players, each put into every background row."""
    names, columns = list(players), background.columns
    (ours,), others = row.select(*columns).collect(), background.collect()
    subsets = [set(some) for size in range(len(names) + 1) for some in combinations(names, size)]
    points = []
    for number, subset in enumerate(subsets):
        taken = {column for name in subset for column in players[name]}
        points += [(number, *(ours[c] if c in taken else other[c] for c in columns)) for other in others]
    frame = background.sparkSession.createDataFrame(
        points,
        "number INT, " + ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in background.schema),
    )
    found = predict(model, frame, kind, ["number"]).groupBy("number").avg("prediction").collect()
    worth = {frozenset(subsets[row[0]]): row[1] for row in found}
    n = len(names)
    return {
        name: math.fsum(
            math.factorial(len(some)) * math.factorial(n - len(some) - 1) / math.factorial(n)
            * (worth[frozenset(some | {name})] - worth[frozenset(some)])
            for some in subsets
            if name not in some
        )
        for name in names
    }  # fmt: skip


def test_a_linear_model_gives_coefficient_times_value_less_mean(
    rows: DataFrame, row: DataFrame, background: DataFrame
) -> None:
    model = learned(rows, "regression.LinearRegression", regParam=0.01)
    found = explain(model, "regression", row, background, ALONE, seed=1)
    weights = model.stages[-1].coefficients.toArray()
    labels = next(stage.labelsArray[0] for stage in model.stages if hasattr(stage, "labelsArray"))
    mean_size = next(stage for stage in model.stages if hasattr(stage, "surrogateDF")).surrogateDF.collect()[0][0]
    others = background.collect()

    def encoded(one: Any) -> np.ndarray:
        size = mean_size if one["size"] is None else one["size"]
        return np.array([size, one["count"], one["still"], *(float(one["color"] == name) for name in labels)])

    parts = weights * (encoded(row.collect()[0]) - np.mean([encoded(one) for one in others], axis=0))
    expected = {"size": parts[0], "count": parts[1], "still": parts[2], "color": parts[3:].sum()}
    assert of(found) == pytest.approx(expected, abs=1e-12)
    assert abs(expected["size"]) > 0.1
    assert total(found) == pytest.approx(found.score, abs=1e-12)


def test_shares_add_up_whatever_is_sampled(trees: Transformer, row: DataFrame, background: DataFrame) -> None:
    for seed in (1, 2):
        found = explain(trees, "binary", row, background, ALONE, seed)
        (scored,) = predict(trees, row, "binary", []).collect()
        means = predict(trees, background, "binary", []).agg({"prediction": "avg"}).collect()[0][0]
        assert (found.score, found.mean, found.rows) == (scored[0], pytest.approx(means, abs=1e-12), 30)
        assert total(found) == pytest.approx(found.score, abs=1e-12)
        assert [abs(one.value) for one in found.contributions] == sorted(map(abs, of(found).values()), reverse=True)


def test_a_feature_that_the_model_does_not_use_gets_nothing(
    trees: Transformer, row: DataFrame, background: DataFrame
) -> None:
    found = explain(trees, "binary", row, background, ALONE, seed=1)
    (still,) = (one for one in found.contributions if one.player == "still")
    assert (still.value, still.error) == (0.0, 0.0)
    assert min(abs(value) for player, value in of(found).items() if player != "still") > 0.001


def test_shares_are_those_of_shapleys_formula_within_their_errors(
    trees: Transformer, row: DataFrame, background: DataFrame
) -> None:
    expected = exact(trees, "binary", row, background, ALONE)
    for seed in (1, 2, 3):
        found = explain(trees, "binary", row, background, ALONE, seed)
        # The background is the same, so that what is left is the sampling of orders, which is the smaller part of the error.
        assert all(abs(one.value - expected[one.player]) <= 2 * one.error for one in found.contributions)
        assert all(one.error < 0.1 for one in found.contributions)


def test_of_two_players_every_order_is_walked_so_that_shares_are_exact(
    trees: Transformer, row: DataFrame, background: DataFrame
) -> None:
    players = {"measures": ["size", "count", "still"], "looks": ["color"]}
    found = explain(trees, "binary", row, background, players, seed=1)
    assert of(found) == pytest.approx(exact(trees, "binary", row, background, players), abs=1e-12)
    assert total(found) == pytest.approx(found.score, abs=1e-12)


def test_players_with_the_same_part_get_the_same(spark: SparkSession) -> None:
    model = SQLTransformer(statement="SELECT *, a * b + 10 * b * a AS prediction FROM __THIS__")
    row, background = (
        spark.createDataFrame([(x, x) for x in values], "a DOUBLE, b DOUBLE") for values in ([3.0], [1.0, 0.0, 2.0])
    )
    found = explain(model, "regression", row, background, {"a": ["a"], "b": ["b"]}, seed=1)
    assert found.contributions[0].value == found.contributions[1].value == pytest.approx((11 * 9 - 11 * 5 / 3) / 2)


def test_an_error_is_the_spread_over_backgrounds(spark: SparkSession) -> None:
    model = SQLTransformer(statement="SELECT *, 2 * a AS prediction FROM __THIS__")
    row, background = (spark.createDataFrame([(x,) for x in values], "a DOUBLE") for values in ([3.0], [1.0, 0.0, 5.0]))
    found = explain(model, "regression", row, background, {"a": ["a"]}, seed=1)
    spread = np.std([4.0, 6.0, -4.0], ddof=1) / math.sqrt(3)
    assert (found.score, found.mean, of(found)["a"]) == (6.0, 4.0, pytest.approx(2.0))
    assert (found.contributions[0].error, found.mean_error) == (pytest.approx(spread), pytest.approx(spread))


def test_the_same_row_has_the_same_explanation(rows: DataFrame, row: DataFrame, trees: Transformer) -> None:
    chosen = [sampled(some, ["id"], 20) for some in (rows, rows.repartition(5), rows.orderBy("size"))]
    assert len({tuple(one["id"] for one in some.collect()) for some in chosen}) == 1
    assert len({seed_of(rows.where(f"id = {number}"), ["id"]) for number in (1, 1, 2)}) == 2
    backgrounds = [some.select(*INPUTS.names) for some in chosen[:2]]
    first, again = (explain(trees, "binary", row, one, ALONE, seed=9) for one in backgrounds)
    assert first == again


@pytest.mark.parametrize(
    ("players", "said"),
    [
        ({**ALONE, "more": ["size"]}, "feature size: belongs to 2 players"),
        ({name: [name] for name in ("size", "count", "still")}, "feature color: belongs to 0 players"),
        ({**ALONE, "mood": ["mood"]}, "feature mood: is not in the row"),
    ],
)
def test_players_that_do_not_part_the_features_are_refused(
    trees: Transformer, row: DataFrame, background: DataFrame, players: Any, said: str
) -> None:
    with pytest.raises(EvaluationError, match=said):
        explain(trees, "binary", row, background, players, seed=1)


def test_no_row_two_rows_and_too_small_a_background_are_refused(
    trees: Transformer, row: DataFrame, background: DataFrame
) -> None:
    for wrong in (row.limit(0), row.union(row)):
        with pytest.raises(EvaluationError, match="rows are to be explained; give one"):
            explain(trees, "binary", wrong, background, ALONE, seed=1)
    with pytest.raises(EvaluationError, match="the background has 1 row; at least 2"):
        explain(trees, "binary", row, background.limit(1), ALONE, seed=1)


def test_a_model_without_a_score_is_refused(spark: SparkSession) -> None:
    model = SQLTransformer(statement="SELECT *, if(a > 2, NULL, a) AS prediction FROM __THIS__")
    row, background = (spark.createDataFrame([(x,) for x in values], "a DOUBLE") for values in ([3.0], [1.0, 0.0]))
    with pytest.raises(EvaluationError, match="the model gives no score for 4 of 8 rows"):
        explain(model, "regression", row, background, {"a": ["a"]}, seed=1)
