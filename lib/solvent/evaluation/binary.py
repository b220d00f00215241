"""Metrics, intervals and curves of a binary model from the sums of `tallies.binary_sums`.

Sums arrive as exact integers (see fixed_point), are added up exactly, and become a double once, so that every value is the same for any
order and partitioning of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvent.evaluation import intervals
from solvent.evaluation.fixed_point import as_float, units
from solvent.evaluation.intervals import Interval
from solvent.evaluation.result import CalibrationBin, Curves, HistogramBin, Measurement, ThresholdPoint
from solvent.evaluation.tallies import BINS, BUCKETS_PER_BIN, COUNTS, FIXED, SQUARED_LOSS_SCALE

MOST_POINTS = 200


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

    def add(self, row: Any) -> None:
        """Adds a collected cell to the whole and to its bin."""
        self.all.add(row)
        self.bins.setdefault(row["cell"] // BUCKETS_PER_BIN, Sums()).add(row)


Value = tuple[float | None, Interval]


def none(reason: str) -> Value:
    """A metric without a value, and why."""
    return None, intervals.undefined(reason)


def auc(tally: Tally, confidence: float) -> Value:
    """The area under the ROC curve: the share of pairs of either class that are in order, ties counted half."""
    m, n = tally.all.count("positives"), tally.all.count("negatives")
    if not m or not n:
        return none("one class")
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
        return none("no positive label")
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
    return (successes / trials, intervals.wilson(successes, trials, confidence)) if trials else none(reason)


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
        return none("no positive label and no positive prediction")
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


METRICS = {
    metric.__name__: metric
    for metric in (
        auc,
        average_precision,
        log_loss,
        brier,
        accuracy,
        precision,
        recall,
        f1,
        calibration_error,
        prediction_bias,
        positive_rate,
    )
}


def tallies(cells: Sequence[Any]) -> Mapping[tuple[str, str], Tally]:
    """The collected cells by slice and slice value."""
    found: dict[tuple[str, str], Tally] = {}
    for row in cells:
        found.setdefault((row["slice"], row["slice_value"]), Tally()).add(row)
    return found


def measured(tallied: Mapping[tuple[str, str], Tally], metrics: Sequence[str], confidence: float) -> list[Measurement]:
    """Every metric on every slice value."""
    found = []
    for (name, value_of), tally in tallied.items():
        for metric in metrics:
            value, interval = METRICS[metric](tally, confidence)
            found.append(
                Measurement(name, value_of, metric, value, interval.low, interval.high, tally.all.n, interval.method)
            )
    return found


def curves(cells: Sequence[Any], tally: Tally, confidence: float) -> Curves:
    """The curves of all rows, from the cells of "all", one for each bucket of the score, and what these sum to."""
    everything = sorted(cells, key=lambda row: -row["cell"])
    points = threshold_points(everything, tally.all.count("positives"), tally.all.count("negatives"))
    two_classes = tally.all.count("positives") > 0 and tally.all.count("negatives") > 0
    return Curves(
        roc=thinned(points) if two_classes else (),
        precision_recall=thinned(points[1:]) if tally.all.count("positives") else (),
        calibration=tuple(calibration_bin(number, tally.bins[number], confidence) for number in sorted(tally.bins)),
        histogram=tuple(histogram_bin(number, tally.bins.get(number, Sums())) for number in range(BINS)),
    )


def threshold_points(everything: Sequence[Any], positives: int, negatives: int) -> list[ThresholdPoint]:
    """Points of the empirical curves, from no row chosen to all chosen: one at the lowest score of each bucket."""
    points = [ThresholdPoint(math.inf, 0.0 if negatives else None, 0.0 if positives else None, None)]
    hits = alarms = 0
    for row in everything:
        hits += row["positives"]
        alarms += row["negatives"]
        points.append(
            ThresholdPoint(
                row["lowest_score"],
                alarms / negatives if negatives else None,
                hits / positives if positives else None,
                hits / (hits + alarms),
            )
        )
    return points


def thinned(points: Sequence[ThresholdPoint]) -> tuple[ThresholdPoint, ...]:
    """At most MOST_POINTS of the points, evenly by the way along the curve, always with the first and the last."""
    if len(points) <= MOST_POINTS:
        return tuple(points)
    way = np.array([(point.false_positive_rate or 0.0) + (point.true_positive_rate or 0.0) for point in points])
    chosen = np.searchsorted(way, np.linspace(way[0], way[-1], MOST_POINTS - 1))
    return tuple(points[i] for i in sorted({0, len(points) - 1, *(int(i) for i in chosen)}))


def calibration_bin(number: int, sums: Sums, confidence: float) -> CalibrationBin:
    """One bin of the calibration curve."""
    interval = intervals.wilson(sums.count("positives"), sums.n, confidence)
    return CalibrationBin(
        number / BINS,
        (number + 1) / BINS,
        sums.sum("predictions") / sums.n,
        sums.count("positives") / sums.n,
        interval.low,
        interval.high,
        sums.n,
    )


def histogram_bin(number: int, sums: Sums) -> HistogramBin:
    """One bin of the histogram."""
    return HistogramBin(number / BINS, (number + 1) / BINS, sums.count("positives"), sums.count("negatives"))
