"""Sums of doubles: exact, in any order and partitioning, whatever their size."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.kinds.block_sums import BlockSums
from solvent.kinds.fixed_point import exact, wide_sum
from solvent.kinds.regression import finite
from solvent.kinds.regression_metrics import TERMS as SUMMED

SIZES = [1e-3, 1.0, 1e5, 1e6, 1e9, 1e12, 1e15]


def sums_of(frame: DataFrame) -> list[Decimal]:
    return [
        exact(row["sum"])
        for row in frame.groupBy("set").agg(wide_sum(F.col("term")).alias("sum")).orderBy("set").collect()
    ]


TERMS = st.lists(
    st.floats(-1e24, 1e24)
    | st.sampled_from([0.1, 9999999999.999998, 1e10, 1e24, -1e24, 2.0**53, 1.5e10, 123456789012.345]),
    max_size=30,
)


# Each tries many sums in one job, and a smaller one that fails too would take as many jobs as steps.
@settings(
    max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TERMS, min_size=30, max_size=30))
def test_a_sum_is_that_of_fractions_in_any_order(spark: SparkSession, sets: list[list[float]]) -> None:
    rows = [(number, term) for number, terms in enumerate(sets) for term in [*terms, None]]
    frame = spark.createDataFrame(rows, "set INT, term DOUBLE")
    found = sums_of(frame)
    assert found == sums_of(frame.orderBy(F.rand(1)).repartition(3))
    for terms, one in zip(sets, found, strict=True):
        true, size = (sum(map(Fraction, values), Fraction(0)) for values in (terms, map(abs, terms)))
        assert abs(Fraction(one) - true) <= size / 2**53 + len(terms) * Fraction(1, 10**18)


def test_sums_of_squares_hold_what_ten_billion_rows_with_labels_of_a_trillion_come_to(spark: SparkSession) -> None:
    """Ten thousand rows with labels of 10^15 come to as much."""
    frame = spark.range(10_000 * len(SIZES)).withColumn("block", (F.col("id") % len(SIZES)).cast("int"))
    scale, share = F.element_at(F.array(*map(F.lit, SIZES)), F.col("block") + 1), (F.xxhash64("id") % 1000) / 1000
    frame = frame.select("block", (scale * share).alias("label"), (scale * (share + 0.5)).alias("prediction")).cache()
    sums = BlockSums(SUMMED, finite, finite)
    rows = sums.by(F.col("block"), frame, ()).where("slice = 'all'").orderBy("block").collect()
    again = sums.by(F.col("block"), frame.repartition(5), ()).where("slice = 'all'").orderBy("block").collect()
    assert rows == again
    for row, size in zip(rows, SIZES, strict=True):
        means = {
            name: float(exact(row[name])) / row["n"] / size ** (2 if "squares" in name else 1) for name in sums.terms
        }
        assert means["squares"] == pytest.approx(0.25, rel=1e-9)
        assert means["label_squares"] == pytest.approx(1 / 3, rel=0.05)
    frame.unpersist()
