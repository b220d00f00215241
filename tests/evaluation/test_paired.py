"""The paired test: leads against scikit-learn, DeLong's variance by brute force, and intervals that hold as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn import metrics as sk

from solvent.config.environment import Tables
from solvent.config.measures import Measures
from solvent.errors import EvaluationError
from solvent.evaluation import Evaluation, evaluate, evaluate_by_day
from solvent.evaluation.table import Subject, append_evaluation, find_days
from solvent.kinds import KINDS, metrics_by_name
from solvent.kinds.binary_metrics import binary_sums_by_day, binary_sums_twice
from solvent.kinds.clustered import Placements, bootstrap_t, obuchowski_variance
from solvent.kinds.curves import Curves
from solvent.kinds.intervals import Interval
from solvent.kinds.metric import MORE, SIGNED
from solvent.kinds.paired import Days, DaySums, day_sums, lead, nearer_to_zero
from solvent.tables.warehouse import Warehouse

METRICS = metrics_by_name()
BINARY_METRICS, REGRESSION_METRICS = (
    tuple(one.name for one in KINDS[kind].metrics) for kind in ("binary", "regression")
)
UNPAIRED = [one.name for one in METRICS.values() if one.unpaired is not None]
THRESHOLD = 0.35
START = datetime(2024, 1, 1, 6)


def sample(n: int, days: int, seed: int, kind: str = "binary") -> pd.DataFrame:
    """Rows with the predictions of two models, ours and theirs; scores are rounded, so that many tie."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, days, n)
    truth = rng.beta(1.2, 3.0, n)
    label = (rng.random(n) < truth).astype(float) if kind == "binary" else np.round(100 * truth + rng.normal(0, 9, n))
    ours, theirs = (
        np.round(np.clip(truth + rng.normal(0, noise, n), 0, 1), 2) if kind == "binary" else 100 * truth + noise
        for noise in (0.1, 0.2)
    )
    if kind == "regression":
        theirs = theirs + rng.normal(1, 5, n)
    return pd.DataFrame(
        {
            "prediction_time": [START + timedelta(days=int(one), minutes=int(one) % 7) for one in day],
            "label": label,
            "ours": ours,
            "theirs": theirs,
            "where": rng.choice(["a", "b"], n, p=[0.7, 0.3]),
        }
    )


def of(spark: SparkSession, rows: pd.DataFrame, model: str, kind: str = "binary", partitions: int = 2) -> DaySums:
    frame = spark.createDataFrame(rows.rename(columns={model: "prediction"})).repartition(partitions)
    return day_sums(frame, kind=kind, slices=["where"], threshold=THRESHOLD)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return sample(3000, 20, 1)


@pytest.fixture(scope="module")
def both(spark: SparkSession, rows: pd.DataFrame) -> tuple[DaySums, DaySums]:
    return of(spark, rows, "ours"), of(spark, rows, "theirs")


def parts(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    return [("all", "all", rows), *(("where", str(value), part) for value, part in rows.groupby("where"))]


def binary_values(label: np.ndarray, score: np.ndarray) -> dict[str, float]:
    chosen = score >= THRESHOLD
    return {
        "auc": sk.roc_auc_score(label, score),
        "log_loss": sk.log_loss(label, score),
        "brier": sk.brier_score_loss(label, score),
        "accuracy": sk.accuracy_score(label, chosen),
        "precision": sk.precision_score(label, chosen),
        "recall": sk.recall_score(label, chosen),
        "f1": sk.f1_score(label, chosen),
        "prediction_bias": score.mean() - label.mean(),
    }


def regression_values(label: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    return {
        "rmse": math.sqrt(sk.mean_squared_error(label, prediction)),
        "mae": sk.mean_absolute_error(label, prediction),
        "r2": sk.r2_score(label, prediction),
        "bias": prediction.mean() - label.mean(),
    }


def assert_leads_equal(rows: pd.DataFrame, ours: DaySums, theirs: DaySums, exact: float = 1e-12) -> None:
    values = binary_values if ours.kind == "binary" else regression_values
    for slice, value, part in parts(rows):
        label = part["label"].to_numpy()
        mine, rival = values(label, part["ours"].to_numpy()), values(label, part["theirs"].to_numpy())
        for metric in mine:
            if METRICS[metric].better == SIGNED:
                expected = abs(rival[metric]) - abs(mine[metric])
            else:
                expected = (mine[metric] - rival[metric]) * (1 if METRICS[metric].better == MORE else -1)
            found = lead(metric, ours, theirs, slice, value, confidence=0.9)
            assert found.value == pytest.approx(expected, rel=1e-9, abs=exact), metric
            assert found.low <= found.value <= found.high, metric
            assert (found.days, found.n) == (part["prediction_time"].nunique(), len(part))
            back = lead(metric, theirs, ours, slice, value, confidence=0.9)
            assert back.value == pytest.approx(-found.value, abs=1e-12)
            assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=1e-6), metric


def test_leads_are_differences_of_scikit_learns_values(rows: pd.DataFrame, both: tuple[DaySums, DaySums]) -> None:
    assert_leads_equal(rows, *both)


def test_leads_of_regressions(spark: SparkSession) -> None:
    rows = sample(1500, 15, 2, "regression")
    rows["label"] += 1e6  # large labels with little spread keep their digits
    rows["ours"], rows["theirs"] = rows["ours"] + 1e6, rows["theirs"] + 1e6
    ours, theirs = (of(spark, rows, model, "regression") for model in ("ours", "theirs"))
    assert_leads_equal(rows, ours, theirs, exact=1e-9)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_what_was_entered_into_the_table_gives_the_same_leads_bit_for_bit(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    rows, measures = sample(600, 12, 6, kind), Measures(metrics=("log_loss",), slices=("where",))
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")
    summed, found = [], []
    for version, model in enumerate(("ours", "theirs")):
        subject = Subject("shop", version, model, START, START, START, "features", [], "code", {})
        summed.append(of(spark, rows, model, kind))
        append_evaluation(warehouse, subject, measures, Evaluation([], Curves()), summed[-1])
        found.append(find_days(warehouse, subject, measures, kind))
    for metric in ("auc", "log_loss", "f1", "prediction_bias") if kind == "binary" else REGRESSION_METRICS:
        for slice, value, _ in parts(rows):
            leads = [lead(metric, *models, slice, value, confidence=0.9) for models in (summed, found)]
            assert leads[0] == leads[1]


def test_every_metric_has_a_lead_or_a_reason_why_not(both: tuple[DaySums, DaySums]) -> None:
    known = {metric for metric in BINARY_METRICS if metric not in UNPAIRED}
    assert known == set(binary_values(np.array([0, 1, 0]), np.array([0.1, 0.9, 0.5])))
    assert set(REGRESSION_METRICS) == set(regression_values(np.array([1.0, 2]), np.array([1.0, 3])))
    for metric in UNPAIRED:
        with pytest.raises(EvaluationError, match=f"the lead in {metric} has no interval"):
            lead(metric, *both, confidence=0.9)


def brute_force_delong(label: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> float:
    """DeLong, DeLong & Clarke-Pearson (1988): the variance of the difference from the covariances of all pairs of rows."""
    above, below = [], []
    for score in (ours, theirs):
        positives, negatives = score[label == 1], score[label == 0]
        order = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
        above.append(order.mean(axis=1))
        below.append(order.mean(axis=0))
    covariance = np.cov(above) / sum(label == 1) + np.cov(below) / sum(label == 0)
    return covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


def test_with_a_row_a_day_the_variance_is_delongs(spark: SparkSession) -> None:
    rows = sample(400, 1, 3)
    rows["prediction_time"] = [START + timedelta(days=n) for n in range(len(rows))]
    mine, rival = (of(spark, rows, model).parts["all", "all"].sums for model in ("ours", "theirs"))
    above, below = (mine[name] - rival[name] for name in ("positive_placements", "negative_placements"))
    found = obuchowski_variance(Placements(mine["positives"], mine["negatives"], above, below))
    expected = brute_force_delong(*(rows[name].to_numpy() for name in ("label", "ours", "theirs")))
    assert found == pytest.approx(expected, rel=1e-10)


def test_days_of_equal_rows_count_as_one_row() -> None:
    """A day repeats its rows; an interval that took them for evidence would shrink."""
    rng = np.random.default_rng(4)
    positives = (rng.random(40) < 0.5).astype(float)
    above, below = positives * rng.normal(0.1, 0.2, 40), (1 - positives) * rng.normal(0.1, 0.2, 40)
    once = obuchowski_variance(Placements(positives, 1 - positives, above, below))
    fifty = obuchowski_variance(Placements(50 * positives, 50 * (1 - positives), 50 * above, 50 * below))
    assert fifty == pytest.approx(once)


def test_neither_order_nor_partitions_nor_time_change_a_bit(spark: SparkSession, rows: pd.DataFrame) -> None:
    again = rows.sample(frac=1, random_state=5)
    first, second = (
        [of(spark, frame, model, partitions=partitions) for model in ("ours", "theirs")]
        for frame, partitions in ((rows, 1), (again, 5))
    )
    for metric in ("auc", "log_loss", "f1", "prediction_bias"):
        for slice, value, _ in parts(rows):
            leads = [lead(metric, *models, slice, value, confidence=0.95) for models in (first, second)]
            assert leads[0] == leads[1]


def test_the_chain_that_carries_days_sums_what_the_evaluation_sums(
    spark: SparkSession, rows: pd.DataFrame, both: tuple[DaySums, DaySums]
) -> None:
    frame = spark.createDataFrame(rows.rename(columns={"ours": "prediction"}))
    measures = Measures(metrics=BINARY_METRICS, slices=("where",), threshold=THRESHOLD)
    found = evaluate(frame, "binary", measures, ["prediction_time"])
    for slice, value, _ in parts(rows):
        sums = {name: math.fsum(one) for name, one in both[0].parts[slice, value].sums.items()}
        auc = found.measurement("auc", slice, value).value
        assert sums["positive_placements"] / sums["positives"] == pytest.approx(auc, abs=1e-13)
        assert sums["negative_placements"] / sums["negatives"] == pytest.approx(auc, abs=1e-13)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_an_evaluation_and_the_sums_by_day_are_the_same_together(spark: SparkSession, kind: str) -> None:
    table = sample(400, 12, 5, kind)
    frame = spark.createDataFrame(table.rename(columns={"theirs": "prediction"})).repartition(3)
    names = BINARY_METRICS if kind == "binary" else REGRESSION_METRICS
    measures = Measures(metrics=names, slices=("where",), threshold=THRESHOLD)
    found, days = evaluate_by_day(frame, kind, measures, ["prediction_time"])
    assert found == evaluate(frame, kind, measures, ["prediction_time"])
    apart = day_sums(frame, kind=kind, slices=["where"], threshold=THRESHOLD)
    assert days.parts.keys() == apart.parts.keys()
    for part, mine in apart.parts.items():
        assert days.parts[part].days == mine.days
        for name, values in mine.sums.items():
            assert days.parts[part].sums[name].tolist() == values.tolist()


@pytest.mark.parametrize("summed", [binary_sums_by_day, binary_sums_twice])
def test_scored_rows_are_computed_once(
    summed: Callable[..., DataFrame], spark: SparkSession, rows: pd.DataFrame
) -> None:
    frame = spark.createDataFrame(rows.rename(columns={"ours": "prediction"}))
    sums = summed(frame, ["where"], THRESHOLD)
    sums.collect()
    assert "ReusedExchange" in sums._jdf.queryExecution().executedPlan().toString()


def test_other_rows_are_refused(spark: SparkSession, rows: pd.DataFrame, both: tuple[DaySums, DaySums]) -> None:
    other = rows.copy()
    other.loc[other.index[0], "label"] = 1 - other.loc[other.index[0], "label"]
    for theirs in (of(spark, rows.iloc[1:], "theirs"), of(spark, other, "theirs")):
        with pytest.raises(EvaluationError, match="not measured on the same rows"):
            lead("log_loss", both[0], theirs, confidence=0.9)
    with pytest.raises(EvaluationError, match="where c: the two models were not measured on the same rows"):
        lead("auc", *both, "where", "c", confidence=0.9)


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("binary", "label", 2.0),
        ("binary", "ours", 1.5),
        ("binary", "prediction_time", None),
        ("regression", "label", math.inf),
        ("regression", "prediction_time", None),
    ],
)
def test_what_cannot_be_compared_is_refused(spark: SparkSession, kind: str, column: str, value: object) -> None:
    rows = sample(30, 3, 6, kind).drop(columns="theirs")
    rows = rows.astype({"prediction_time": object})
    rows.loc[7, column] = value
    with pytest.raises(EvaluationError, match="cannot be compared"):
        of(spark, rows, "ours", kind)
    # An evaluation says of labels and predictions how many.
    says = (
        "cannot be compared"
        if column == "prediction_time"
        else f"1 row has a {column.replace('ours', 'prediction')} that"
    )
    measures = Measures(metrics=("prediction_bias",) if kind == "binary" else ("rmse",), slices=("where",))
    with pytest.raises(EvaluationError, match=says):
        evaluate_by_day(spark.createDataFrame(rows.rename(columns={"ours": "prediction"})), kind, measures, ["where"])


def by_day(day: np.ndarray, label: np.ndarray, score: np.ndarray) -> DaySums:
    """What day_sums gives, from arrays."""
    days = int(day.max()) + 1

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(day, values, days)

    def placed(below: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (
            (np.searchsorted(below, values, "left") + np.searchsorted(below, values, "right")) / 2 / max(len(below), 1)
        )

    positive = label == 1
    chosen = score >= THRESHOLD
    sums = {
        "n": summed(np.ones(len(day))),
        "positives": summed(label),
        "negatives": summed(1 - label),
        "true_positives": summed(label * chosen),
        "false_positives": summed((1 - label) * chosen),
        "predictions": summed(score),
        "squares": summed((label - score) ** 2),
        "losses": summed(-np.log(np.clip(np.where(positive, score, 1 - score), 1e-15, 1))),
        "positive_placements": summed(np.where(positive, placed(np.sort(score[~positive]), score), 0.0)),
        "negative_placements": summed(np.where(positive, 0.0, 1 - placed(np.sort(score[positive]), score))),
    }
    dates = tuple(date(2024, 1, 1) + timedelta(days=n) for n in range(days))
    return DaySums("binary", {("all", "all"): Days(dates, sums)})


def test_arrays_give_what_spark_gives(rows: pd.DataFrame, both: tuple[DaySums, DaySums]) -> None:
    """So that what is simulated below is what is used."""
    clipped = rows["ours"].clip(1e-16, 1 - 1e-16).to_numpy()
    found = by_day((rows["prediction_time"] - START).dt.days.to_numpy(), rows["label"].to_numpy(), clipped)
    ours, theirs = found.parts["all", "all"], both[0].parts["all", "all"]
    assert ours.days == theirs.days
    for name, values in theirs.sums.items():
        if name != "losses":
            assert ours.sums[name] == pytest.approx(values, abs=1e-12), name


def two_equal_models(rng: np.random.Generator, days: int, rows: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """A rate of its own on each day, and two models, each of which has good and bad days: neither is ahead in the long run."""
    day = np.repeat(np.arange(days), rng.poisson(rows, days).clip(2))
    signal = rng.normal(0, 1, len(day))
    label = (rng.random(len(day)) < 1 / (1 + np.exp(1 - rng.normal(0, 0.7, days)[day] - signal))).astype(float)

    def model() -> np.ndarray:
        skill, offset = rng.normal(0.8, 0.5, days)[day], rng.normal(0, 0.3, days)[day]
        return 1 / (1 + np.exp(1 - offset - skill * signal - 0.3 * rng.normal(0, 1, len(day))))

    return day, label, [model(), model()]


# Of 250 samples at 90 %, three standard errors are 5.7 %.
SAMPLES, TOLERANCE = 250, 0.057


@pytest.mark.parametrize(("metric", "days"), [("auc", 30), ("auc", 12), ("log_loss", 30), ("precision", 30)])
def test_intervals_hold_as_often_as_they_say_though_rows_of_a_day_hang_together(metric: str, days: int) -> None:
    rng = np.random.default_rng(7)
    held = np.zeros(SAMPLES)
    rows_alone = np.zeros(SAMPLES)
    for sample in range(SAMPLES):
        day, label, scores = two_equal_models(rng, days, 60)
        found = lead(metric, *(by_day(day, label, score) for score in scores), confidence=0.9)
        held[sample] = found.low <= 0 <= found.high
        if metric == "auc":
            alone = [by_day(np.arange(len(label)), label, score) for score in scores]
            row = lead(metric, *alone, confidence=0.9)
            rows_alone[sample] = row.low <= 0 <= row.high
    assert held.mean() == pytest.approx(0.9, abs=TOLERANCE)
    if metric == "auc":
        assert rows_alone.mean() < 0.8  # DeLong's test as it is usually done, at the same level


def test_the_interval_of_a_signed_metric_holds_where_it_is_best() -> None:
    """Both models are without bias in the long run: |bias| has its kink there. It holds at least as often as it says."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(120):
        day, label, scores = two_equal_models(rng, 30, 30)
        # Predictions are moved so that their expected error is zero in each draw of a day.
        moved = [np.clip(score - (score - label).mean() + rng.normal(0, 0.02), 0, 1) for score in scores]
        found = lead("prediction_bias", *(by_day(day, label, score) for score in moved), confidence=0.9)
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) > 0.9 - 3 * math.sqrt(0.09 / 120)


def test_nearer_to_zero_follows_from_difference_and_sum() -> None:
    def interval(x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float]:
        found = nearer_to_zero(Interval(x[0] - y[1], x[1] - y[0], "m"), Interval(x[0] + y[0], x[1] + y[1], "m"))
        return found.low, found.high

    assert interval((-0.5, -0.5), (0.2, 0.2)) == pytest.approx((0.3, 0.3))
    assert interval((0.1, 0.1), (-0.4, -0.4)) == pytest.approx((-0.3, -0.3))
    low, high = interval((-0.1, 0.3), (-0.2, 0.1))
    assert low <= -0.2
    assert high >= 0.3


def test_equal_models_are_level_without_doubt() -> None:
    rng = np.random.default_rng(9)
    day, label, scores = two_equal_models(rng, 15, 20)
    model = by_day(day, label, scores[0])
    for metric in ("auc", "log_loss", "precision"):
        found = lead(metric, model, model, confidence=0.95)
        assert (found.value, found.low, found.high) == (0, 0, 0)


def test_few_days_and_one_class_have_no_interval() -> None:
    rng = np.random.default_rng(10)
    day, label, scores = two_equal_models(rng, 9, 30)
    for metric in ("auc", "brier"):
        found = lead(metric, *(by_day(day, label, score) for score in scores), confidence=0.9)
        assert found.value is not None
        assert (found.low, found.method) == (None, "undefined: 9 days are too few; 10 are needed")
    day, label, scores = two_equal_models(rng, 12, 30)
    none = [by_day(day, np.zeros(len(day)), score) for score in scores]
    assert lead("auc", *none, confidence=0.9).method == "undefined: one class"
    assert lead("recall", *none, confidence=0.9).value is None
    first = [by_day(day, label * (day == 0), score) for score in scores]
    assert lead("auc", *first, confidence=0.9).method == "undefined: a class is on one day only"
    assert lead("recall", *first, confidence=0.9).method == "undefined: it hangs on too few days"


def test_a_mean_has_the_bootstraps_interval_near_students() -> None:
    values = np.random.default_rng(11).normal(3, 2, 60)
    found = bootstrap_t(values[None, :], lambda totals: totals[0] / 60, 0.9, 1)
    half = 1.671 * values.std(ddof=1) / math.sqrt(60)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.08)
