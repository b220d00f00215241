"""Metrics and intervals of a regression from sums over blocks of rows.

A row belongs to one of BLOCKS blocks by a hash of its key; for the paired test, to the block of its day. Squares of doubles have no
common unit, so their sums are kept as decimals, which are exact and do not depend on the order of the rows.
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
from solvent.evaluation.fixed_point import exact, wide_sum
from solvent.evaluation.intervals import Interval
from solvent.evaluation.memberships import by_membership, quoted, slice_values
from solvent.evaluation.result import CalibrationBin, Measurement

BLOCKS = 32
# The calibration curve has so many bins, made of strips of equal width.
BINS, STRIPS = 20, 512
SUMS = ("errors", "absolute", "squares", "labels", "label_squares")


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
        F.min(prediction).alias("least"),
        F.max(prediction).alias("greatest"),
        *(wide_sum(F.when(good, term)).alias(name) for name, term in terms.items()),
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
        sums = Sums(int(row["n"]), {name: exact(row[name]) for name in SUMS})
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


def span_of(cells: Sequence[Any]) -> tuple[float, float]:
    """The least and the greatest prediction."""
    return min(row["least"] for row in cells), max(row["greatest"] for row in cells)


def strip_sums(scored: DataFrame, span: tuple[float, float]) -> DataFrame:
    """Sums per strip of equal width of the predictions' span; scored as in `regression_sums`, all of it finite."""
    least, greatest = span
    prediction, label = F.col("prediction").cast("double"), F.col("label").cast("double")
    # Where all predictions are equal, they are in the first strip.
    share = (prediction - F.lit(least)) / F.lit((greatest - least) or 1.0)
    strip = F.least(F.floor(share * F.lit(float(STRIPS))), F.lit(STRIPS - 1)).cast("int")
    terms = {"predictions": prediction, "labels": label, "label_squares": label * label}
    return scored.groupBy(strip.alias("strip")).agg(
        F.count(F.lit(1)).alias("n"), *(wide_sum(term).alias(name) for name, term in terms.items())
    )


def calibration_bins(strips: Sequence[Any], span: tuple[float, float], confidence: float) -> tuple[CalibrationBin, ...]:
    """Strips put together, from the lowest prediction to the highest, to bins of about as many rows each."""
    enough = sum(row["n"] for row in strips) / BINS
    bins: list[list[Any]] = []
    for row in sorted(strips, key=lambda row: row["strip"]):
        if not bins or sum(one["n"] for one in bins[-1]) >= enough:
            bins.append([])
        bins[-1].append(row)
    return tuple(calibration_bin(one, span, confidence) for one in bins)


def calibration_bin(strips: Sequence[Any], span: tuple[float, float], confidence: float) -> CalibrationBin:
    """One bin of the calibration curve."""
    names = ("predictions", "labels", "label_squares")
    totals = {name: sum((exact(row[name]) for row in strips), Decimal(0)) for name in names}
    sums = Sums(sum(row["n"] for row in strips), totals)
    mean = sums.mean("labels")
    interval = intervals.student_t(mean, sums.variance("labels", "label_squares"), sums.n, confidence)
    width = (span[1] - span[0]) / STRIPS
    lower, upper = (span[0] + edge * width for edge in (strips[0]["strip"], strips[-1]["strip"] + 1))
    return CalibrationBin(lower, upper, sums.mean("predictions"), mean, interval.low, interval.high, sums.n)
