"""The curves of a binary model, from the sums of `binary_metrics.binary_sums`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvent.kinds import intervals
from solvent.kinds.binary_metrics import Sums, Tally
from solvent.kinds.curves import CalibrationBin, Curves, HistogramBin, ThresholdPoint
from solvent.kinds.tallies import BINS

MOST_POINTS = 200


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
