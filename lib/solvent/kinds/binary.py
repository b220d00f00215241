"""Labels of 0 or 1, and predictions of the probability of 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.special import expit, logit

from solvent.kinds.binary_curves import curves
from solvent.kinds.binary_metrics import (
    BY_DAY,
    COUNTS,
    DAY_FIXED,
    METRICS,
    Tally,
    binary_sums,
    binary_sums_by_day,
    binary_sums_twice,
)
from solvent.kinds.curves import CurveChart
from solvent.kinds.fixed_point import as_float, units
from solvent.kinds.intervals import wilson
from solvent.kinds.kind import Kind, Part, Rows
from solvent.kinds.metric import Floats
from solvent.kinds.tallies import log_loss_of, valid_label, valid_score

MOST_LOG_ODDS = 20.0


def loss(label: Column, prediction: Column) -> Column:
    """The log loss of a row."""
    return log_loss_of(F.when(label == 1.0, prediction).otherwise(F.lit(1.0) - prediction))


def loss_of_shift(rows: Floats, labels: Floats, predictions: Floats, shift: float) -> float:
    """By how much the mean log loss would change if the odds of all labels were multiplied so that their rate moves by the shift.

    In each cell of predictions the mean loss is linear in the rate of labels; its slope is the log odds against, at the mean prediction.
    """
    # Imported only here: it takes a quarter of a second, and `solvent plan` needs none of it.
    from scipy.optimize import brentq

    weights, rates = rows / rows.sum(), (labels + 0.5) / (rows + 1)
    odds = logit(np.clip(predictions / np.maximum(rows, 1), 1e-6, 1 - 1e-6))
    wanted = float(np.clip(weights @ rates + shift, 1e-6, 1 - 1e-6))
    factor = brentq(lambda log: float(weights @ expit(logit(rates) + log)) - wanted, -MOST_LOG_ODDS, MOST_LOG_ODDS)
    return float(-(weights * (expit(logit(rates) + factor) - rates)) @ odds)


def auc_of_ranks(ranks: Any, labels: Any) -> float:
    """The area under the ROC curve of a feature alone, whichever way round."""
    positive = int((labels == 1).sum())
    negative = len(labels) - positive
    auc = (ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative)
    return float(max(auc, 1 - auc))


def cells_and_days(scored: DataFrame, slices: Sequence[str], threshold: float, _: Sequence[str]) -> tuple[Rows, Rows]:
    """The sums of cells and those by day, in one pass."""
    rows = binary_sums_twice(scored, slices, threshold).collect()
    return [row for row in rows if not row[BY_DAY]], [row for row in rows if row[BY_DAY]]


def tallies(cells: Rows) -> dict[Part, Tally]:
    """The sums of slice values and of their bins."""
    found: dict[Part, Tally] = {}
    for row in cells:
        found.setdefault((row["slice"], row["slice_value"]), Tally()).add(row)
    return found


def day_sums(days: Rows) -> dict[str, Floats]:
    """Counts, and exact sums rounded once."""
    counts = {name: np.array([float(row[name]) for row in days]) for name in COUNTS}
    fixed = {name: np.array([as_float(units(row[name])) for row in days]) for name in DAY_FIXED}
    return {**counts, **fixed, "n": counts["positives"] + counts["negatives"]}


BINARY = Kind(
    name="binary",
    metrics=METRICS,
    default_metric="log_loss",
    beside=("prediction_bias", "calibration_error", "positive_rate"),
    charted=("log_loss", "prediction_bias", "positive_rate"),
    classes=(0.0, 1.0),
    limits=(0.0, 1.0),
    percent=True,
    column="probability",
    column_text="probabilities",
    prediction=lambda column: vector_to_array(column)[1],
    valid_label=valid_label,
    label_text="0 or 1",
    label_advice="{estimator} tells 0 from 1; make prediction.label.value a condition, or choose a regressor",
    valid_prediction=valid_score,
    prediction_text="a probability",
    flipped=lambda before, after, threshold: (after >= F.lit(threshold)) != (before >= F.lit(threshold)),
    threshold_text="Accuracy, precision, recall and F1 are at the threshold {threshold:g}.",
    loss=loss,
    loss_of_shift=loss_of_shift,
    association=auc_of_ranks,
    association_text="an AUC",
    cells=lambda scored, slices, threshold, _: binary_sums(scored, slices, threshold).collect(),
    days=lambda scored, slices, threshold: binary_sums_by_day(scored, slices, threshold).collect(),
    cells_and_days=cells_and_days,
    tallies=tallies,
    curves=lambda _, cells, tally, confidence: curves(cells, tally, confidence),
    charts=(
        CurveChart("ROC", "roc", "The dashed line is chance."),
        CurveChart("Precision and recall", "precision_recall", "The dashed line is the share of positive labels."),
        CurveChart(
            "Calibration",
            "calibration",
            "Bins of equal width, with Wilson limits for this model; on the dashed line, what is predicted is what happens.",
        ),
        CurveChart(
            "Predictions of this model", "histogram", "Rows with a positive label are the darker part of each bar."
        ),
    ),
    sums=(*COUNTS, *DAY_FIXED, "n"),
    shared=("n", "positives"),
    comparable=lambda day: not day["invalid"],
    day_sums=day_sums,
    mean_label="share of {label}",
    mean_label_interval=lambda labels, rows, confidence: wilson(int(labels), int(rows), confidence),
    observed_text="Observed rate",
    unit="probability",
    score_text=lambda value: f"{value:.1%}",
    change_text=lambda value: f"{100 * value:+.1f}",
)
