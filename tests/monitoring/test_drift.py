"""Cells of features as a small frame has them, and how far counts are from each other."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.testing import assertDataFrameEqual

from solvent.config.environment import Tables
from solvent.features import Feature
from solvent.features.profile import OTHER, Reference, append_profile, cell_counts, profile_of, reference_of
from solvent.kinds.slices import MISSING
from solvent.monitoring.drift import drift
from solvent.tables.warehouse import Warehouse

FEATURES = [Feature("x", "double", ""), Feature("flag", "boolean", ""), Feature("kind", "string", "")]
SCHEMA = "x DOUBLE, flag BOOLEAN, kind STRING, prediction_time TIMESTAMP"
DAY = date(2024, 3, 1)


def rows(spark: SparkSession, values: list[tuple], day: date = DAY) -> DataFrame:
    at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
    return spark.createDataFrame([(*row, at) for row in values], SCHEMA)


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    return Warehouse(lambda: spark, Tables(path=str(tmp_path)), "drift")


def test_cells_are_drawn_once_from_training_and_every_later_row_finds_its_own(
    spark: SparkSession, warehouse: Warehouse
) -> None:
    training = rows(spark, [(float(n), n % 2 == 0, "ab"[n % 2] if n else None) for n in range(100)])
    drawn = reference_of(warehouse, "model", lambda: training, FEATURES)
    assert sum(drawn["x"].counts.values()) == 100
    assert set(drawn["x"].counts.values()) <= {9, 10, 11}
    assert drawn["kind"].counts == {"a": 49, "b": 50, MISSING: 1}

    def again() -> DataFrame:
        raise AssertionError("the cells are there")

    assert reference_of(warehouse, "model", again, FEATURES) == drawn
    later = rows(spark, [(-5.0, True, "a"), (1e9, None, "z"), (float("nan"), False, None), (None, False, "b")])
    found = cell_counts(later, drawn, FEATURES)
    low, high = str(0), str(len(drawn["x"].edges))
    expected = [("x", low, 1), ("x", high, 1), ("x", MISSING, 2)]
    flags = drawn["flag"].edges
    expected += [("flag", str(sum(edge <= 1 for edge in flags)), 1), ("flag", MISSING, 1)]
    expected += [("flag", str(sum(edge <= 0 for edge in flags)), 2)]
    expected += [("kind", "a", 1), ("kind", OTHER, 1), ("kind", MISSING, 1), ("kind", "b", 1)]
    schema = "window DATE, feature STRING, cell STRING, n BIGINT"
    assertDataFrameEqual(found, spark.createDataFrame([(DAY, *one) for one in expected], schema))


def test_batches_of_a_day_add_up_and_none_counts_twice(spark: SparkSession, warehouse: Warehouse) -> None:
    references = {name: Reference(name, (), ("a", "b"), {}) for name in ("kind",)}
    kind = FEATURES[2:]
    for batch, values in (("one", "aab"), ("two", "bz"), ("one", "aab")):
        append_profile(
            warehouse, "model", batch, cell_counts(rows(spark, [(0.0, True, v) for v in values]), references, kind)
        )
    assert profile_of(warehouse, "model", DAY, date(2024, 3, 2)) == {(DAY, "kind"): {"a": 2, "b": 2, OTHER: 1}}
    assert profile_of(warehouse, "model", date(2024, 3, 2), date(2024, 3, 3)) == {}
    assert profile_of(warehouse, "other", DAY, date(2024, 3, 2)) == {}


def test_psi_is_the_sum_over_cells_and_shares_are_told() -> None:
    reference = Reference("kind", (), ("a", "b"), {"a": 60, "b": 30, OTHER: 10})
    found = drift(DAY, reference, {"a": 10, "b": 10, MISSING: 20})
    before = np.array([60, 30, 10, 0]) + 0.5
    now = np.array([10, 10, 0, 20]) + 0.5
    p, q = now / now.sum(), before / before.sum()
    assert found.psi == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    assert (found.n, found.missing, found.missing_in_training, found.other, found.other_in_training) == (
        *(40, 0.5, 0.0),
        *(0.0, 0.1),
    )
    assert found.concentration == pytest.approx(0.25**2 + 0.25**2 + 0.5**2)
    assert drift(DAY, reference, {MISSING: 7}).concentration == 1.0
    same = drift(DAY, reference, {"a": 6, "b": 3, OTHER: 1})
    assert same.psi < same.noise
    assert found.psi > found.noise


def test_noise_is_exceeded_as_seldom_as_stated_when_nothing_changed() -> None:
    rng = np.random.default_rng(5)
    edges, exceeded, years = tuple(range(1, 10)), 0, 4_000
    for _ in range(years):
        trained, day = rng.multinomial(20_000, [0.1] * 10), rng.multinomial(300, [0.1] * 10)
        reference = Reference("x", edges, (), {str(n): int(count) for n, count in enumerate(trained)})
        one = drift(DAY, reference, {str(n): int(count) for n, count in enumerate(day)})
        exceeded += one.psi > one.noise
    # 0.001 stated; at 4,000 draws, 12 or more would come with probability 0.001 at most.
    assert exceeded <= 11
    assert math.isfinite(one.noise)
