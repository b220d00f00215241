"""The calibration curve of a regression: bins of about as many rows each, put together from strips of equal width."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.kinds import intervals
from solvent.kinds.block_sums import Sums
from solvent.kinds.curves import CalibrationBin
from solvent.kinds.fixed_point import exact, wide_sum

# The calibration curve has so many bins, made of strips of equal width.
BINS, STRIPS = 20, 512


def span_of(cells: Sequence[Any]) -> tuple[float, float]:
    """The least and the greatest prediction."""
    return min(row["least"] for row in cells), max(row["greatest"] for row in cells)


def strip_sums(scored: DataFrame, span: tuple[float, float]) -> DataFrame:
    """Sums per strip of equal width of the predictions' span; scored as in `Kind.cells`, all of it finite."""
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
