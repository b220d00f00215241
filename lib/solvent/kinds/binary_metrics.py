"""The metrics of a binary model, each an entry of METRICS, and the sums that they are made of.

Sums arrive as exact integers (see fixed_point), are added up exactly, and become a double once, so that every value is the same for any
order and partitioning of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.kinds import intervals
from solvent.kinds.clustered import Placements, obuchowski_t
from solvent.kinds.fixed_point import as_float, fixed_sum, units
from solvent.kinds.metric import (
    DESCRIPTIVE,
    LABEL_RATE,
    LESS,
    MORE,
    NOT_NEGATIVE,
    SHARE,
    SIGNED,
    Floats,
    Metric,
    Value,
    no_value,
)
from solvent.kinds.metric import Sums as DaySums
from solvent.kinds.tallies import BUCKETS_PER_BIN, DAY, cell_of, day_of, terms_of

# Squared losses reach 1300, above what fixed_sum takes.
SQUARED_LOSS_SCALE = 64.0
# Of a row of binary_sums_twice, whether it is one of a day.
BY_DAY = "by_day"
COUNTS = ("positives", "negatives", "true_positives", "false_positives")
# Sums of terms, as fixed_sum gives them.
FIXED = (
    "predictions",
    "squares",
    "fourths",
    "losses",
    "squared_losses",
    "positive_placements",
    "positive_squared_placements",
    "negative_squared_placements",
    "precisions",
)
DAY_FIXED = ("predictions", "squares", "losses", "positive_placements", "negative_placements")


def squared(column: str) -> Column:
    """The square of a column."""
    return F.col(column) * F.col(column)


def totals(threshold: float) -> dict[str, Column]:
    """Aggregates over tallies, by name: rows, and the sums of terms over rows."""
    positives, negatives, score = F.col("positives"), F.col("negatives"), F.col("score")
    chosen = score >= F.lit(threshold)
    none = F.lit(0).cast("bigint")
    scale = F.lit(SQUARED_LOSS_SCALE)
    found = {
        "positives": F.sum("positives"),
        "negatives": F.sum("negatives"),
        "true_positives": F.sum(F.when(chosen, positives).otherwise(none)),
        "false_positives": F.sum(F.when(chosen, negatives).otherwise(none)),
        "predictions": fixed_sum((score, positives + negatives)),
        "squares": fixed_sum((F.col("positive_square"), positives), (F.col("negative_square"), negatives)),
        "fourths": fixed_sum((squared("positive_square"), positives), (squared("negative_square"), negatives)),
        "losses": fixed_sum((F.col("positive_loss"), positives), (F.col("negative_loss"), negatives)),
        "squared_losses": fixed_sum(
            (squared("positive_loss") / scale, positives), (squared("negative_loss") / scale, negatives)
        ),
        "positive_placements": fixed_sum((F.col("positive_placement"), positives)),
        "negative_placements": fixed_sum((F.col("negative_placement"), negatives)),
        "positive_squared_placements": fixed_sum((squared("positive_placement"), positives)),
        "negative_squared_placements": fixed_sum((squared("negative_placement"), negatives)),
        "precisions": fixed_sum((F.col("precision_here"), positives)),
    }
    return {name: total.alias(name) for name, total in found.items()}


def cell_totals(threshold: float) -> dict[str, Column]:
    """All sums the metrics need, of the tallies of a cell, by name."""
    found = totals(threshold)
    invalid = {name: F.max(name).alias(name) for name in ("invalid_scores", "invalid_labels")}
    lowest = F.min("score").alias("lowest_score")
    return {"lowest_score": lowest, **invalid, **{name: found[name] for name in (*COUNTS, *FIXED)}}


def day_totals(threshold: float) -> dict[str, Column]:
    """The same of a day, for the paired test; a placement value is that in the whole slice value."""
    found = totals(threshold)
    invalid = F.col("invalid_scores") + F.col("invalid_labels") + F.col(f"without_{DAY}")
    return {"invalid": F.max(invalid).alias("invalid"), **{name: found[name] for name in (*COUNTS, *DAY_FIXED)}}


def binary_sums(scored: DataFrame, slices: Sequence[str], threshold: float) -> DataFrame:
    """The sums of `cell_totals`, per slice value and cell.

    Args:
        scored: label 0/1, prediction a probability, and the slice columns.
        slices: Names of the slice columns.
        threshold: Predictions at or above it count as positive.
    """
    return terms_of(scored, slices).groupBy("slice", "slice_value", cell_of()).agg(*cell_totals(threshold).values())


def binary_sums_by_day(scored: DataFrame, slices: Sequence[str], threshold: float) -> DataFrame:
    """The sums of `day_totals` for scored rows as in `binary_sums`, with a prediction_time, per slice value and day."""
    terms = terms_of(scored, slices, day_of("prediction_time").alias(DAY))
    return terms.groupBy("slice", "slice_value", DAY).agg(*day_totals(threshold).values())


def binary_sums_twice(scored: DataFrame, slices: Sequence[str], threshold: float) -> DataFrame:
    """The rows of `binary_sums`, of which BY_DAY is 0, and those of `binary_sums_by_day`, of which it is 1, in one pass.

    As a day's tallies of a score add up to all of that score, and sums are exact, they are the same.
    """
    part = ["slice", "slice_value"]
    terms = terms_of(scored, slices, day_of("prediction_time").alias(DAY)).withColumn("cell", cell_of())
    both = {**cell_totals(threshold), **day_totals(threshold)}
    sets = terms.groupingSets([[*part, "cell"], [*part, DAY]], *part, "cell", DAY)
    return sets.agg(F.grouping("cell").alias(BY_DAY), *both.values())


@dataclass
class Sums:
    """Sums over the rows of a slice value or of one of its bins; those of FIXED are in units of 2**-52."""

    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*COUNTS, *FIXED), 0))

    def add(self, row: Any) -> None:
        """Adds a collected cell."""
        for name in COUNTS:
            self.totals[name] += int(row[name])
        for name in FIXED:
            self.totals[name] += units(row[name])

    def count(self, name: str) -> int:
        """A number of rows."""
        return self.totals[name]

    def sum(self, name: str) -> float:
        """A fixed-point sum, rounded once."""
        return as_float(self.totals[name])

    @property
    def n(self) -> int:
        """Rows."""
        return self.count("positives") + self.count("negatives")


@dataclass
class Tally:
    """The sums of one slice value, and of its bins of equal width, from the lowest."""

    all: Sums = field(default_factory=Sums)
    bins: dict[int, Sums] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Rows."""
        return self.all.n

    def add(self, row: Any) -> None:
        """Adds a collected cell to the whole and to its bin."""
        self.all.add(row)
        self.bins.setdefault(row["cell"] // BUCKETS_PER_BIN, Sums()).add(row)


def auc(tally: Tally, confidence: float) -> Value:
    """The area under the ROC curve: the share of pairs of either class that are in order, ties counted half."""
    m, n = tally.all.count("positives"), tally.all.count("negatives")
    if not m or not n:
        return no_value("one class")
    value = tally.all.sum("positive_placements") / m
    s10 = spread(value, tally.all.sum("positive_squared_placements"), m)
    s01 = spread(value, tally.all.sum("negative_squared_placements"), n)
    return value, intervals.delong(value, m, n, s10, s01, confidence)


def spread(mean: float, squares: float, n: int) -> float:
    """The sample variance from a mean and a sum of squares; 0 for one row."""
    return max(squares - n * mean * mean, 0.0) / (n - 1) if n > 1 else 0.0


def average_precision(tally: Tally, confidence: float) -> Value:
    """The mean over positives of the precision at their score (Davis & Goadrich's step-wise area, no interpolation)."""
    positives = tally.all.count("positives")
    if not positives:
        return no_value("no positive label")
    value = min(tally.all.sum("precisions") / positives, 1.0)
    return value, intervals.average_precision_logit(value, positives, confidence)


def log_loss(tally: Tally, confidence: float) -> Value:
    """The mean of -log of the probability given to the label (natural logarithm)."""
    n = tally.all.n
    value = tally.all.sum("losses") / n
    squares = tally.all.sum("squared_losses") * SQUARED_LOSS_SCALE
    return value, intervals.student_t(value, spread(value, squares, n), n, confidence, lowest=0.0)


def brier(tally: Tally, confidence: float) -> Value:
    """The mean squared difference of label and probability (Brier 1950)."""
    n = tally.all.n
    value = tally.all.sum("squares") / n
    squares = tally.all.sum("fourths")
    return value, intervals.student_t(value, spread(value, squares, n), n, confidence, lowest=0.0)


def share(successes: int, trials: int, confidence: float, reason: str) -> Value:
    """A proportion with Wilson's limits."""
    return (successes / trials, intervals.wilson(successes, trials, confidence)) if trials else no_value(reason)


def accuracy(tally: Tally, confidence: float) -> Value:
    """The share of rows on the right side of the threshold."""
    right = tally.all.count("true_positives") + tally.all.count("negatives") - tally.all.count("false_positives")
    return share(right, tally.all.n, confidence, "no rows")


def precision(tally: Tally, confidence: float) -> Value:
    """The share of positive labels among positive predictions."""
    chosen = tally.all.count("true_positives") + tally.all.count("false_positives")
    return share(tally.all.count("true_positives"), chosen, confidence, "no positive prediction")


def recall(tally: Tally, confidence: float) -> Value:
    """The share of positive predictions among positive labels."""
    return share(tally.all.count("true_positives"), tally.all.count("positives"), confidence, "no positive label")


def f1(tally: Tally, confidence: float) -> Value:
    """The harmonic mean of precision and recall."""
    hits, false_alarms = tally.all.count("true_positives"), tally.all.count("false_positives")
    misses = tally.all.count("positives") - hits
    if not hits + false_alarms + misses:
        return no_value("no positive label and no positive prediction")
    return 2 * hits / (2 * hits + false_alarms + misses), intervals.wilson_f1(hits, false_alarms, misses, confidence)


def calibration_error(tally: Tally, confidence: float) -> Value:
    """The mean distance of observed rate and mean prediction over bins of equal width, weighted by rows (expected calibration error)."""
    bins = [tally.bins[number] for number in sorted(tally.bins)]
    differences = np.array([one.count("positives") - one.sum("predictions") for one in bins])
    squares = np.array([one.sum("squares") for one in bins])
    n = tally.all.n
    value = math.fsum(np.abs(differences)) / n
    return value, intervals.calibration_error_folded(differences, squares, n, confidence)


def prediction_bias(tally: Tally, confidence: float) -> Value:
    """The mean prediction less the observed rate."""
    n = tally.all.n
    value = (tally.all.sum("predictions") - tally.all.count("positives")) / n
    squares = tally.all.sum("squares")
    return value, intervals.student_t(value, spread(value, squares, n), n, confidence)


def positive_rate(tally: Tally, confidence: float) -> Value:
    """The share of positive labels."""
    return share(tally.all.count("positives"), tally.all.n, confidence, "no rows")


def lead_in_auc(ours: DaySums, theirs: DaySums, confidence: float) -> Value:
    """The lead by the area under the ROC curve: DeLong's placement values of one model less those of the other."""
    positives, negatives = ours["positives"], ours["negatives"]
    if not positives.any() or not negatives.any():
        return no_value("one class")
    above, below = (ours[name] - theirs[name] for name in ("positive_placements", "negative_placements"))
    difference = Placements(positives, negatives, above, below)
    return difference.auc, obuchowski_t(difference, confidence)


def f1_by_day(of: DaySums) -> Floats:
    """The harmonic mean of precision and recall."""
    return 2 * of["true_positives"] / (of["positives"] + of["true_positives"] + of["false_positives"])


METRICS = (
    Metric("auc", "Area under the ROC curve", MORE, auc, lead=lead_in_auc, range=SHARE),
    Metric(
        "average_precision", "Average precision", MORE, average_precision, range=SHARE,
        unpaired="each of its terms depends on the rows of all days; take auc or log_loss",
    ),
    Metric(
        "log_loss", "Log loss", LESS, log_loss, ("losses", "n"), lambda of: of["losses"] / of["n"], range=NOT_NEGATIVE
    ),
    Metric("brier", "Brier score", LESS, brier, ("squares", "n"), lambda of: of["squares"] / of["n"], range=SHARE),
    Metric(
        "accuracy", "Accuracy", MORE, accuracy, ("true_positives", "negatives", "false_positives", "n"),
        lambda of: (of["true_positives"] + of["negatives"] - of["false_positives"]) / of["n"], range=SHARE,
    ),
    Metric(
        "precision", "Precision", MORE, precision, ("true_positives", "false_positives"),
        lambda of: of["true_positives"] / (of["true_positives"] + of["false_positives"]), range=SHARE,
    ),
    Metric(
        "recall", "Recall", MORE, recall, ("true_positives", "positives"),
        lambda of: of["true_positives"] / of["positives"], range=SHARE,
    ),
    Metric("f1", "F1", MORE, f1, ("positives", "true_positives", "false_positives"), f1_by_day, range=SHARE),
    Metric(
        "calibration_error", "Calibration error", LESS, calibration_error, range=SHARE,
        unpaired="it counts noise as error, more of it the better a model is calibrated; take log_loss or brier",
    ),
    Metric(
        "prediction_bias", "Prediction bias", SIGNED, prediction_bias, ("predictions", "positives", "n"),
        lambda of: (of["predictions"] - of["positives"]) / of["n"], range=(-1.0, 1.0),
    ),
    Metric(
        "positive_rate", "Positive labels", DESCRIPTIVE, positive_rate, range=SHARE, judged_as=LABEL_RATE,
        unpaired="it is of the rows, not of the model",
    ),
)  # fmt: skip
