"""What would change for those who use the predictions, and the bounds on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from solvent.config.deploy import Canary
from solvent.deployment.canary import Changed, canary_gates, compare_scores


@pytest.fixture(scope="module")
def project(released: Any) -> Any:
    return released.run().project


def test_changes_are_those_of_rows_that_both_scored(spark: SparkSession, project: Any) -> None:
    rng = np.random.default_rng(2)
    before, after = rng.random(200), rng.random(200)
    region = ["north" if number % 4 else None for number in range(200)]
    schema = "id INT, region STRING, prediction DOUBLE"
    old = spark.createDataFrame([(n, region[n], float(before[n])) for n in range(200)], schema)
    new = spark.createDataFrame([(n, region[n], float(after[n])) for n in range(200)] + [(999, None, 0.9)], schema)
    found = compare_scores(new, old, project)
    assert [(one.slice, one.slice_value, one.n) for one in found] == [
        ("all", "all", 200),
        ("region", "(missing)", 50),
        ("region", "north", 150),
    ]
    for one in found:
        mine = np.array([one.slice == "all" or (region[n] or "(missing)") == one.slice_value for n in range(200)])
        change = (after - before)[mine]
        assert one.mean_change == pytest.approx(change.mean())
        assert one.mean_absolute_change == pytest.approx(np.abs(change).mean())
        assert one.median == pytest.approx(np.sort(change)[(len(change) + 1) // 2 - 1])
        assert one.low == pytest.approx(np.sort(change)[int(np.ceil(len(change) * 0.01)) - 1])
        assert one.flipped == pytest.approx(((after >= 0.4) != (before >= 0.4))[mine].mean())


def changed(slice: str, value: str, n: int, flipped: float) -> Changed:
    return Changed(slice, value, n, 0.01, 0.05, -0.1, 0.0, 0.1, flipped)


def test_bounds_hold_or_not_of_all_rows_and_of_slices_with_enough_rows() -> None:
    found = [changed("all", "all", 500, 0.1), changed("region", "north", 400, 0.3), changed("region", "south", 9, 1.0)]
    assert canary_gates(Canary(), found) == []
    gates = canary_gates(Canary(flipped=0.1, flipped_in_slice=0.2, moved=0.04), found)
    assert [(one.slice_value, one.value, one.required, one.passed) for one in gates] == [
        ("all", 0.1, 0.1, True),
        ("all", 0.05, 0.04, False),
        ("north", 0.3, 0.2, False),
    ]
    assert gates[2].rule == "canary: at most 20% of decisions change"
    assert gates[2].reason == "0.3000 > 0.2 of 400 rows"
