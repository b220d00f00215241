"""Values against scikit-learn's on the same rows, and the laws an evaluation keeps."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy import stats
from sklearn import metrics as sk

from solvent.config.measures import Measures
from solvent.errors import EvaluationError
from solvent.evaluation import Evaluation, evaluate, measure
from solvent.kinds import KINDS
from solvent.kinds.binary_curves import MOST_POINTS
from solvent.kinds.regression_curves import BINS

BINARY_METRICS, REGRESSION_METRICS = (
    tuple(one.name for one in KINDS[kind].metrics) for kind in ("binary", "regression")
)
THRESHOLD = 0.35
RMSE = Measures(metrics=("rmse",))


def binary(spark: SparkSession, rows: pd.DataFrame, slices=(), partitions=3) -> Evaluation:
    frame = spark.createDataFrame(rows).repartition(partitions)
    return evaluate(frame, "binary", Measures(metrics=BINARY_METRICS, slices=slices, threshold=THRESHOLD), ["id"])


def expected_binary(rows: pd.DataFrame) -> dict[str, float | None]:
    label, score = rows["label"].to_numpy(float), rows["prediction"].to_numpy(float)
    chosen = score >= THRESHOLD
    bins = np.minimum((score * 20).astype(int), 19)
    off = sum(abs(label[bins == b].sum() - score[bins == b].sum()) for b in range(20)) / len(label)
    both, any_positive = 0 < label.sum() < len(label), label.sum() > 0
    return {
        "auc": sk.roc_auc_score(label, score) if both else None,
        "average_precision": sk.average_precision_score(label, score) if any_positive else None,
        "log_loss": sk.log_loss(label, score, labels=[0, 1]),
        "brier": sk.brier_score_loss(label, score, pos_label=1),
        "accuracy": sk.accuracy_score(label, chosen),
        "precision": sk.precision_score(label, chosen) if chosen.any() else None,
        "recall": sk.recall_score(label, chosen) if any_positive else None,
        "f1": sk.f1_score(label, chosen) if any_positive or chosen.any() else None,
        "calibration_error": off,
        "prediction_bias": score.mean() - label.mean(),
        "positive_rate": label.mean(),
    }


def assert_equal(found: Evaluation, rows: pd.DataFrame, slice: str = "all", value: str = "all") -> None:
    for metric, expected in expected_binary(rows).items():
        one = found.measurement(metric, slice, value)
        assert one.n == len(rows)
        if expected is None:
            assert one.value is None, metric
            assert one.method.startswith("undefined: "), metric
        else:
            assert one.value == pytest.approx(expected, rel=1e-9, abs=1e-9), metric
            assert one.low is not None, metric
            assert one.low <= one.value <= one.high, (metric, one)


def sample(n: int, seed: int, decimals: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(1.2, 3.5, n), decimals)
    label = (rng.random(n) < score * 0.9 + 0.05).astype(int)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "label": label,
            "prediction": score,
            "where": rng.choice(["a", "b", "c"], n, p=[0.7, 0.25, 0.05]),
            "odd.name`": rng.choice([1, 2, None], n),
        }
    )


def test_values_equal_scikit_learn_overall_and_by_slice(spark: SparkSession) -> None:
    rows = sample(4000, 1)
    rows.loc[rows["where"] == "c", "label"] = 0  # a slice with one class
    found = binary(spark, rows, ["where", "odd.name`"])
    assert_equal(found, rows)
    for value, part in rows.groupby("where"):
        assert_equal(found, part, "where", value)
    parts = {"1": rows["odd.name`"] == 1, "2": rows["odd.name`"] == 2, "(missing)": rows["odd.name`"].isna()}
    for value, chosen in parts.items():
        assert_equal(found, rows[chosen], "odd.name`", value)
    assert len(found.measurements) == (1 + 3 + 3) * len(BINARY_METRICS)


CASES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(st.sampled_from([0.0, 0.05, 0.35, 0.5, 1.0]), st.floats(0, 1, allow_subnormal=False)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=CASES)
def test_values_equal_scikit_learn_on_any_rows(spark: SparkSession, cases: list[tuple[int, float]]) -> None:
    rows = pd.DataFrame(cases, columns=["label", "prediction"]).assign(id=range(len(cases)))
    found = binary(spark, rows)
    for metric, expected in expected_binary(rows).items():
        one = found.measurement(metric)
        assert (one.value is None) == (expected is None), metric
        if expected is not None:
            assert one.value == pytest.approx(expected, rel=1e-9, abs=1e-9), metric
            assert one.low is None or one.low <= one.value <= one.high, (metric, one)


@pytest.mark.parametrize("score", [[0.2] * 8, [0.1, 0.1, 0.2, 0.3, 0.7, 0.8, 0.8, 0.9]], ids=["constant", "perfect"])
def test_scores_without_spread_have_an_interval(spark: SparkSession, score: list[float]) -> None:
    rows = pd.DataFrame({"id": range(8), "label": [0, 0, 0, 0, 1, 1, 1, 1], "prediction": score})
    auc = binary(spark, rows).measurement("auc")
    assert auc.method == "Newcombe 5"
    assert auc.low < auc.high


def test_neither_order_nor_partitions_change_a_bit(spark: SparkSession) -> None:
    rows = sample(3000, 2, decimals=12)
    once = binary(spark, rows, ["where"], partitions=1)
    again = binary(spark, rows.sample(frac=1, random_state=3), ["where"], partitions=7)
    assert once == again


def test_curves_are_exact_points_of_the_whole_curve(spark: SparkSession) -> None:
    rows = sample(5000, 4, decimals=6)
    found = binary(spark, rows).curves
    assert 100 < len(found.roc) <= MOST_POINTS
    assert (found.roc[0].false_positive_rate, found.roc[0].true_positive_rate) == (0, 0)
    assert (found.roc[-1].false_positive_rate, found.roc[-1].true_positive_rate) == (1, 1)
    label, score = rows["label"].to_numpy(), rows["prediction"].to_numpy()
    for point in found.roc[1:]:
        chosen = score >= point.threshold
        assert point.true_positive_rate == label[chosen].sum() / label.sum()
        assert point.false_positive_rate == (1 - label[chosen]).sum() / (1 - label).sum()
        assert point.precision == label[chosen].mean()
    area = np.trapezoid(
        [point.true_positive_rate for point in found.roc], [point.false_positive_rate for point in found.roc]
    )
    assert area == pytest.approx(sk.roc_auc_score(label, score), abs=1e-3)
    assert sum(one.positives + one.negatives for one in found.histogram) == len(rows)
    assert sum(one.n for one in found.calibration) == len(rows)


def test_regression_equals_scikit_learn(spark: SparkSession) -> None:
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        {"id": range(2000), "prediction": rng.normal(10, 40, 2000), "where": rng.choice(["a", "b"], 2000)}
    )
    rows["label"] = np.round(rows["prediction"] + rng.normal(2, 25, 2000))
    frame = spark.createDataFrame(rows)
    measures = Measures(metrics=REGRESSION_METRICS, slices=("where",))
    found = evaluate(frame, "regression", measures, ["id"])
    assert found == evaluate(frame.orderBy(F.rand(1)).repartition(5), "regression", measures, ["id"])
    assert found.measurements == measure(frame, "regression", measures, ["id"])
    parts = [("all", "all", rows), *(("where", value, part) for value, part in rows.groupby("where"))]
    for slice, value, part in parts:
        label, prediction = part["label"], part["prediction"]
        expected = {
            "rmse": math.sqrt(sk.mean_squared_error(label, prediction)),
            "mae": sk.mean_absolute_error(label, prediction),
            "r2": sk.r2_score(label, prediction),
            "bias": prediction.mean() - label.mean(),
        }
        for metric, right in expected.items():
            one = found.measurement(metric, slice, value)
            assert one.value == pytest.approx(right, rel=1e-9), metric
            assert one.low < one.value < one.high, metric
            assert one.n == len(part)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_bins_of_a_regression_have_as_many_rows_each_and_their_means(spark: SparkSession, scale: float) -> None:
    rng = np.random.default_rng(6)
    prediction = scale * rng.lognormal(0, 0.5, 4000)
    label = prediction + scale * rng.normal(0, 1, 4000)
    rows = pd.DataFrame({"id": range(4000), "prediction": prediction, "label": label}).sort_values("prediction")
    found = evaluate(spark.createDataFrame(rows), "regression", RMSE, ["id"]).curves.calibration
    assert 15 <= len(found) <= BINS
    assert sum(one.n for one in found) == len(rows)
    assert all(one.n >= len(rows) / BINS for one in found[:-1])
    assert found[0].lower == rows["prediction"].min()
    assert found[-1].upper == pytest.approx(rows["prediction"].max())
    start, within = 0, 0
    for one in found:
        part = rows.iloc[start : start + one.n]
        assert part["prediction"].between(one.lower, one.upper).all()
        assert one.mean_prediction == pytest.approx(part["prediction"].mean(), rel=1e-9)
        assert one.observed == pytest.approx(part["label"].mean(), rel=1e-9, abs=1e-12)
        half = stats.t.ppf(0.975, one.n - 1) * part["label"].sem()
        assert (one.low, one.high) == pytest.approx((one.observed - half, one.observed + half), rel=1e-3)
        within += one.low <= one.mean_prediction <= one.high
        start += one.n
    # Each holds at 95 %; fewer than 15 of 20 have a chance of 3 in 10,000.
    assert within >= 15


def test_equal_predictions_are_one_bin(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, 2.0, 3.0), (2, 4.0, 3.0)], "id INT, label DOUBLE, prediction DOUBLE")
    (found,) = evaluate(frame, "regression", RMSE, ["id"]).curves.calibration
    assert (found.lower, found.upper, found.mean_prediction, found.observed, found.n) == (3.0, 3.0, 3.0, 3.0, 2)


def test_equal_labels_have_no_r2(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, 2.0, 3.0), (2, 2.0, 1.0)], "id INT, label DOUBLE, prediction DOUBLE")
    found = evaluate(frame, "regression", Measures(metrics=("r2",)), ["id"]).measurement("r2")
    assert (found.value, found.method) == (None, "undefined: all labels are equal")


@pytest.mark.parametrize(
    ("kind", "row", "says"),
    [
        ("binary", (1, 2.0, 0.5), "1 row has a label that is not 0 or 1"),
        ("binary", (1, None, 0.5), "1 row has a label that is not 0 or 1"),
        ("binary", (1, 1.0, 1.5), "1 row has a prediction that is not a probability"),
        ("binary", (1, 1.0, math.nan), "1 row has a prediction that is not a probability"),
        ("regression", (1, math.inf, 0.5), "1 row has a label that is not a finite number"),
        ("regression", (1, 1.0, math.nan), "1 row has a prediction that is not a finite number"),
    ],
)
def test_what_cannot_be_measured_is_refused(spark: SparkSession, kind: str, row: tuple, says: str) -> None:
    frame = spark.createDataFrame([row, (2, 1.0, 0.7)], "id INT, label DOUBLE, prediction DOUBLE")
    measures = Measures(metrics=("auc" if kind == "binary" else "rmse",))
    with pytest.raises(EvaluationError, match=says):
        evaluate(frame, kind, measures, ["id"])


def test_no_rows_and_unknown_metrics_are_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], "id INT, label DOUBLE, prediction DOUBLE")
    for kind, metric in (("binary", "auc"), ("regression", "rmse")):
        with pytest.raises(EvaluationError, match="there are no rows"):
            evaluate(frame, kind, Measures(metrics=(metric,)), ["id"])
        assert measure(frame, kind, Measures(metrics=(metric,)), ["id"]) == []
    with pytest.raises(EvaluationError, match="'logloss' does not exist for binary labels; did you mean 'log_loss'"):
        evaluate(frame, "binary", Measures(metrics=("logloss",)), ["id"])
