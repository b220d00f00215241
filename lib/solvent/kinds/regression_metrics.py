"""The metrics of a regression, from the sums over blocks of rows that TERMS names: each an entry of METRICS.

Squares of doubles have no common unit, so their sums are kept as decimals, which are exact and do not depend on the order of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

from solvent.kinds import intervals
from solvent.kinds.block_sums import Blocks, Sums
from solvent.kinds.intervals import Interval
from solvent.kinds.metric import LESS, MORE, NOT_NEGATIVE, SIGNED, Floats, Metric, Value, no_value
from solvent.kinds.metric import Sums as DaySums

Term = Callable[[Column, Column], Column]

# Name of a sum -> what a row adds to it, from its label and its prediction.
TERMS: Mapping[str, Term] = {
    "errors": lambda label, prediction: prediction - label,
    "absolute": lambda label, prediction: F.abs(prediction - label),
    "squares": lambda label, prediction: (prediction - label) * (prediction - label),
    "labels": lambda label, _: label,
    "label_squares": lambda label, _: label * label,
}


def rmse(blocks: Blocks, confidence: float) -> Value:
    """The square root of the mean squared error."""
    value = math.sqrt(blocks.total.mean("squares"))
    factors = blocks.jackknifed(lambda sums: sums.mean("squares"), confidence) if value > 0 else None
    if factors is None:
        return value, intervals.undefined("too few blocks of rows with errors")
    return value, Interval(value * math.sqrt(factors[0]), value * math.sqrt(factors[1]), "log jackknife")


def mae(blocks: Blocks, confidence: float) -> Value:
    """The mean absolute error."""
    whole = blocks.total
    value = whole.mean("absolute")
    return value, intervals.student_t(value, whole.variance("absolute", "squares"), whole.n, confidence, lowest=0.0)


def r2(blocks: Blocks, confidence: float) -> Value:
    """The share of the labels' variance that is explained; 1 - r2 has the interval."""
    whole = blocks.total
    if whole.label_spread <= 0:
        return no_value("all labels are equal")

    def unexplained(sums: Sums) -> float:
        return float(sums.totals["squares"]) / sums.label_spread if sums.label_spread > 0 else 0.0

    left = unexplained(whole)
    factors = blocks.jackknifed(unexplained, confidence) if left > 0 else None
    if factors is None:
        return 1 - left, intervals.undefined("too few blocks of rows with errors")
    return 1 - left, Interval(1 - left * factors[1], 1 - left * factors[0], "log jackknife")


def bias(blocks: Blocks, confidence: float) -> Value:
    """The mean prediction less the mean label."""
    whole = blocks.total
    value = whole.mean("errors")
    return value, intervals.student_t(value, whole.variance("errors", "squares"), whole.n, confidence)


def r2_by_day(of: DaySums) -> Floats:
    """The share of the labels' variance that is explained."""
    return 1 - of["squares"] / (of["label_squares"] - of["labels"] ** 2 / of["n"])


METRICS = (
    Metric(
        "rmse", "Root mean squared error", LESS, rmse, ("squares", "n"), lambda of: np.sqrt(of["squares"] / of["n"]),
        range=NOT_NEGATIVE,
    ),
    Metric(
        "mae", "Mean absolute error", LESS, mae, ("absolute", "n"), lambda of: of["absolute"] / of["n"],
        range=NOT_NEGATIVE,
    ),
    Metric(
        "r2", "Variance explained (R²)", MORE, r2, ("squares", "label_squares", "labels", "n"), r2_by_day,
        range=(-math.inf, 1.0),
    ),
    Metric("bias", "Bias", SIGNED, bias, ("errors", "n"), lambda of: of["errors"] / of["n"]),
)  # fmt: skip
