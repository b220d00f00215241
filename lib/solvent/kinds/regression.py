"""Labels and predictions that are any numbers; and how a kind is made whose labels are numbers of a sort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.kinds.block_sums import BlockSums
from solvent.kinds.curves import CurveChart, Curves
from solvent.kinds.kind import Kind, Rows
from solvent.kinds.metric import Floats, Metric
from solvent.kinds.regression_curves import calibration_bins, span_of, strip_sums
from solvent.kinds.regression_metrics import METRICS, TERMS, Term
from solvent.kinds.tallies import DAY


def finite(value: Column) -> Column:
    """Whether a number is one: null, NaN and infinities are not."""
    return F.coalesce(~F.isnan(value) & (F.abs(value) < F.lit(float("inf"))), F.lit(False))


def loss_of_shift(rows: Floats, labels: Floats, predictions: Floats, shift: float) -> float:
    """By how much the mean squared error would change if all labels were shifted."""
    n, label, prediction = np.column_stack([rows, labels, predictions]).sum(axis=0)
    return float(shift**2 + 2 * shift * (label - prediction) / n)


def rank_correlation(ranks: Any, labels: Any) -> float:
    """The absolute rank correlation of a feature alone with the label."""
    return 0.0 if ranks.nunique() < 2 else float(abs(ranks.corr(labels.rank())))


def curves(scored: DataFrame, cells: Rows, _: Any, confidence: float) -> Curves:
    """The calibration curve, by a second pass: where its bins are is known only now that all predictions were seen."""
    span = span_of(cells)
    return Curves(calibration=calibration_bins(strip_sums(scored, span).collect(), span, confidence))


def comparable(day: Any) -> bool:
    """Whether no row of a day is invalid or without a time."""
    return not (day["invalid_labels"] or day["invalid_scores"] or day[DAY] is None)


def kind_of_numbers(
    name: str,
    metrics: tuple[Metric, ...],
    terms: Mapping[str, Term],
    default_metric: str,
    beside: tuple[str, ...] = ("bias", "mae"),
    valid_label: Callable[[Column], Column] = finite,
    label_text: str = "a finite number",
    valid_prediction: Callable[[Column], Column] = finite,
    prediction_text: str = "a finite number",
) -> Kind:
    """A kind whose labels and predictions are numbers.

    Args:
        name: See Kind.
        metrics: Which read the sums of the terms.
        terms: See BlockSums; those of TERMS are among them.
        default_metric: See Kind.
        beside: See Kind.
        valid_label: See Kind.
        label_text: See Kind.
        valid_prediction: See Kind.
        prediction_text: See Kind.
    """
    sums = BlockSums(terms, valid_label, valid_prediction)
    return Kind(
        name=name,
        metrics=metrics,
        default_metric=default_metric,
        beside=beside,
        charted=(default_metric, "bias"),
        classes=(),
        limits=None,
        percent=False,
        column="prediction",
        column_text="predictions",
        prediction=lambda column: column,
        valid_label=valid_label,
        label_text=label_text,
        label_advice="a number is wanted; look at prediction.label.value, which may be null where there is none",
        valid_prediction=valid_prediction,
        prediction_text=prediction_text,
        flipped=None,
        threshold_text="",
        loss=lambda label, prediction: F.pow(prediction - label, 2),
        loss_of_shift=loss_of_shift,
        association=rank_correlation,
        association_text="a rank correlation with the label",
        cells=sums.cells,
        days=sums.days,
        cells_and_days=sums.cells_and_days,
        tallies=sums.tallies,
        curves=curves,
        charts=(
            CurveChart(
                "Calibration",
                "calibration",
                "Bins of about as many rows each, with Student's limits for this model; on the dashed line, what is predicted is what "
                "happens on average.",
            ),
        ),
        sums=("n", *terms),
        shared=("n", "labels", "label_squares"),
        comparable=comparable,
        day_sums=sums.day_sums,
        mean_label="mean {label}",
        mean_label_interval=None,
        observed_text="Mean label",
        unit="prediction",
        score_text=lambda value: f"{value:.4g}",
        change_text=lambda value: f"{value:+.3g}",
    )


REGRESSION = kind_of_numbers("regression", METRICS, TERMS, "rmse")
