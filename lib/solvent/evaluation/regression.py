"""Metrics and intervals of a regression from sums over blocks of rows.

A row belongs to one of BLOCKS blocks by a hash of its key; for the paired test, to the block of its day. Squares of doubles have no
common unit, so their sums are kept in DECIMAL, which is exact and does not depend on the order of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.evaluation import intervals
from solvent.evaluation.intervals import Interval
from solvent.evaluation.memberships import by_membership, quoted, slice_values
from solvent.evaluation.result import Measurement

BLOCKS = 32
SUMS = ("errors", "absolute", "squares", "labels", "label_squares")
# Sums of up to 10^20, exact to 10^-18; a larger one fails under ANSI mode and never wraps.
TERM = "DECIMAL(38, 18)"


def finite(value: Column) -> Column:
    """Whether a number is one: null, NaN and infinities are not."""
    return F.coalesce(~F.isnan(value) & (F.abs(value) < F.lit(float("inf"))), F.lit(False))


def block_of(key: Sequence[str]) -> Column:
    """The block of a row by a hash of its key."""
    return F.pmod(F.xxhash64(*(quoted(name) for name in key)), F.lit(BLOCKS)).cast("int")


def regression_sums(scored: DataFrame, slices: Sequence[str], block: Column) -> DataFrame:
    """Sums per slice value and block.

    Args:
        scored: slice columns, label, prediction: numbers, and what the block is made of.
        slices: Names of the slice columns.
        block: INT, the block of a row.
    """
    label, prediction = F.col("label"), F.col("prediction")
    narrow = scored.select(
        block.alias("block"),
        label.cast("double").alias("label"),
        prediction.cast("double").alias("prediction"),
        *slice_values(slices),
    )
    members = by_membership(narrow, slices)
    bad_label, bad_score = ~finite(label), ~finite(prediction)
    good = ~(bad_label | bad_score)
    error = prediction - label
    terms = {
        "errors": error,
        "absolute": F.abs(error),
        "squares": error * error,
        "labels": label,
        "label_squares": label * label,
    }
    return members.groupBy("slice", "slice_value", "block").agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(bad_label.cast("int")).alias("invalid_labels"),
        F.sum(bad_score.cast("int")).alias("invalid_scores"),
        *(F.sum(F.when(good, term).cast(TERM)).alias(name) for name, term in terms.items()),
    )


@dataclass
class Sums:
    """Exact sums over some rows."""

    n: int = 0
    totals: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(SUMS, Decimal(0)))

    def added(self, other: Sums, sign: int = 1) -> Sums:
        """The sums of both, or of this without the other."""
        return Sums(self.n + sign * other.n, {name: self.totals[name] + sign * other.totals[name] for name in SUMS})

    def mean(self, name: str) -> float:
        """A mean as a double."""
        return float(self.totals[name] / self.n)

    @property
    def label_spread(self) -> float:
        """The sum of squared deviations of the labels from their mean."""
        return float(self.totals["label_squares"] - self.totals["labels"] ** 2 / self.n)

    def variance(self, name: str, squares: str) -> float:
        """The sample variance."""
        if self.n < 2:
            return 0.0
        return float(self.totals[squares] - self.totals[name] ** 2 / self.n) / (self.n - 1)


Value = tuple[float | None, Interval]


def jackknifed(blocks: Sequence[Sums], statistic: Any, confidence: float) -> tuple[float, float] | None:
    """Factors of the log jackknife, None where the statistic is not positive without some block."""
    whole = total(blocks)
    parts = [whole.added(block, -1) for block in blocks]
    if len(parts) < 2 or any(part.n == 0 or statistic(part) <= 0 for part in parts):
        return None
    return intervals.log_jackknife(lambda i: statistic(whole if i is None else parts[i]), len(parts), confidence)


def total(blocks: Sequence[Sums]) -> Sums:
    """The sums of all blocks."""
    whole = Sums()
    for block in blocks:
        whole = whole.added(block)
    return whole


def rmse(blocks: Sequence[Sums], confidence: float) -> Value:
    """The square root of the mean squared error."""
    value = math.sqrt(total(blocks).mean("squares"))
    factors = jackknifed(blocks, lambda sums: sums.mean("squares"), confidence) if value > 0 else None
    if factors is None:
        return value, intervals.undefined("too few blocks of rows with errors")
    return value, Interval(value * math.sqrt(factors[0]), value * math.sqrt(factors[1]), "log jackknife")


def mae(blocks: Sequence[Sums], confidence: float) -> Value:
    """The mean absolute error."""
    whole = total(blocks)
    value = whole.mean("absolute")
    return value, intervals.student_t(value, whole.variance("absolute", "squares"), whole.n, confidence, lowest=0.0)


def r2(blocks: Sequence[Sums], confidence: float) -> Value:
    """The share of the labels' variance that is explained; 1 - r2 has the interval."""
    whole = total(blocks)
    if whole.label_spread <= 0:
        return None, intervals.undefined("all labels are equal")

    def unexplained(sums: Sums) -> float:
        return float(sums.totals["squares"]) / sums.label_spread if sums.label_spread > 0 else 0.0

    left = unexplained(whole)
    factors = jackknifed(blocks, unexplained, confidence) if left > 0 else None
    if factors is None:
        return 1 - left, intervals.undefined("too few blocks of rows with errors")
    return 1 - left, Interval(1 - left * factors[1], 1 - left * factors[0], "log jackknife")


def bias(blocks: Sequence[Sums], confidence: float) -> Value:
    """The mean prediction less the mean label."""
    whole = total(blocks)
    value = whole.mean("errors")
    return value, intervals.student_t(value, whole.variance("errors", "squares"), whole.n, confidence)


METRICS = {metric.__name__: metric for metric in (rmse, mae, r2, bias)}


def blocks_of(cells: Sequence[Any]) -> Mapping[tuple[str, str], list[Sums]]:
    """The collected blocks by slice and slice value, in the order of blocks."""
    found: dict[tuple[str, str], list[Sums]] = {}
    for row in sorted(cells, key=lambda row: row["block"]):
        sums = Sums(int(row["n"]), {name: row[name] or Decimal(0) for name in SUMS})
        found.setdefault((row["slice"], row["slice_value"]), []).append(sums)
    return found


def measured(
    blocks: Mapping[tuple[str, str], list[Sums]], metrics: Sequence[str], confidence: float
) -> list[Measurement]:
    """Every metric on every slice value."""
    found = []
    for (name, value_of), sums in blocks.items():
        for metric in metrics:
            value, interval = METRICS[metric](sums, confidence)
            n = total(sums).n
            found.append(Measurement(name, value_of, metric, value, interval.low, interval.high, n, interval.method))
    return found
