"""A feature that tells the label alone is named, and no honest one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from solvent.estimators.spark_ml import Inputs
from solvent.kinds import KINDS
from solvent.training.leaks import SUSPICIOUS, leaks, strength_of

RNG = np.random.default_rng(5)
ROWS = 4000
RARE = pd.Series((RNG.random(ROWS) < 0.03).astype(float))
NOISE = pd.Series(RNG.normal(size=ROWS))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (RARE, True),
        (-RARE, True),
        (RARE * 10 + NOISE, True),
        (RARE.where(RARE == 1), True),
        (RARE.map({0.0: "kept", 1.0: "back"}), True),
        (RARE.map({0.0: None, 1.0: "back"}), True),
        (RARE * 2 + NOISE, False),
        (NOISE, False),
        (pd.Series(np.ones(ROWS)), False),
        (pd.Series(np.full(ROWS, np.nan)), False),
        (pd.Series([f"order {number}" for number in range(ROWS)]), False),
        (pd.Series([f"customer {number % 1500}" for number in range(ROWS)]), False),
    ],
)
def test_of_two_classes(values: pd.Series[Any], told: bool) -> None:
    assert (strength_of(values, RARE, KINDS["binary"]) > SUSPICIOUS) == told


def test_it_is_the_area_under_the_curve() -> None:
    values, label = NOISE.head(60).round(0), RARE.head(60) * 0 + (NOISE.tail(60).to_numpy() > 0)
    pairs = [(a > b) + 0.5 * (a == b) for a in values[label == 1] for b in values[label == 0]]
    area = sum(pairs) / len(pairs)
    assert strength_of(values, label, KINDS["binary"]) == pytest.approx(max(area, 1 - area))


def test_too_few_rows_tell_nothing() -> None:
    label = pd.Series([0.0] * 100 + [1.0] * 19)
    assert strength_of(label, label, KINDS["binary"]) == 0
    assert strength_of(label.head(10), label.head(10), KINDS["regression"]) == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (NOISE * 1.8 + 32, True),
        (NOISE**3, True),
        (NOISE + RNG.normal(size=ROWS), False),
        (NOISE * 0, False),
        (NOISE.map("{:.0f}".format), False),
    ],
)
def test_of_numbers(values: pd.Series[Any], told: bool) -> None:
    assert (strength_of(values, NOISE, KINDS["regression"]) > SUSPICIOUS) == told


def test_a_sample_of_rows_is_enough(spark: SparkSession) -> None:
    """60,000 rows, of which 0.5 % are positive: all of these are drawn, and a twelfth of the others."""
    rows = spark.range(60000).selectExpr(
        "CAST(id AS INT) id",
        "CAST(id % 200 = 0 AS DOUBLE) label",
        "id % 200 = 0 AS is_back",
        "id % 7 AS week",
        "CASE WHEN id % 200 = 0 THEN 'b' WHEN id % 3 = 0 THEN '' END AS state",
        "CAST(NULL AS DOUBLE) AS none",
    )
    inputs = Inputs.of({"is_back": "boolean", "week": "bigint", "state": "string", "none": "double"})
    found = list(leaks(rows, {0.0: 59700, 1.0: 300}, inputs, ["id"], KINDS["binary"]))
    assert [line.split(":")[0] for line in found] == [
        "feature is_back alone has an AUC of 1.000",
        "feature state alone has an AUC of 1.000",
    ]
    assert [line.split(":")[0] for line in leaks(rows, {None: 60000}, inputs, ["id"], KINDS["regression"])] == [
        "feature is_back alone has a rank correlation with the label of 1.000",
        "feature state alone has a rank correlation with the label of 1.000",
    ]
