"""From scored rows to measurements: one plan and one collect for all metrics and all slices; a second one for a regression's curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from solvent.errors import EvaluationError
from solvent.evaluation import binary, regression
from solvent.evaluation.metrics import Kind, require_known
from solvent.evaluation.result import ALL, Curves, Evaluation, Measurement
from solvent.evaluation.tallies import binary_sums


def evaluate(
    scored: DataFrame,
    *,
    kind: Kind,
    metrics: Sequence[str],
    slices: Sequence[str] = (),
    key: Sequence[str],
    threshold: float = 0.5,
    confidence: float = 0.95,
) -> Evaluation:
    """Measures predictions against labels, overall and for every value of every slice column.

    Args:
        scored: The key; the slice columns; label: 0 or 1, or a number; prediction: the probability of 1, or a number.
        kind: "binary" or "regression".
        metrics: Of BINARY_METRICS or REGRESSION_METRICS.
        slices: Columns whose values name the subsets.
        key: Columns that name a row.
        threshold: Predictions at or above it count as positive.
        confidence: Of the intervals.

    Returns:
        Each metric on each slice value with its interval, and the curves of all rows; the same, bit for bit, for any order and
        partitioning of the rows.

    Raises:
        EvaluationError: If there is no row, a metric does not exist, or a label or prediction is missing or out of range.
    """
    require_known(kind, metrics)
    if kind == "binary":
        cells = binary_sums(scored, slices, threshold).collect()
    else:
        cells = regression.regression_sums(scored, slices, regression.block_of(key)).collect()
    require_valid(cells, kind)
    if kind == "regression":
        measured = regression.measured(regression.blocks_of(cells), metrics, confidence)
        # Where bins are is known only now that all predictions were seen.
        span = regression.span_of(cells)
        strips = regression.strip_sums(scored, span).collect()
        return Evaluation(ordered(measured), Curves(calibration=regression.calibration_bins(strips, span, confidence)))
    tallied = binary.tallies(cells)
    found = binary.curves(cells, tallied[ALL, ALL], confidence)
    return Evaluation(ordered(binary.measured(tallied, metrics, confidence)), found)


def require_valid(cells: Sequence[Any], kind: Kind) -> None:
    """Refuses predictions and labels that cannot be measured."""
    everything = [row for row in cells if row["slice"] == ALL]
    if not everything:
        raise EvaluationError(
            "there are no rows with a label to evaluate on; choose a later as-of, or a longer holdout"
        )
    if kind == "regression":
        labels, scores = (sum(row[name] for row in everything) for name in ("invalid_labels", "invalid_scores"))
    else:
        # Each cell carries the invalid rows of its bucket, and all invalid scores are in bucket 0.
        labels, scores = (sum(row[name] for row in everything) for name in ("invalid_labels", "invalid_scores"))
    label, score = ("0 or 1", "a probability") if kind == "binary" else ("a finite number", "a finite number")
    if labels:
        raise EvaluationError(f"{labels} rows have a label that is not {label}; leave rows without a label out")
    if scores:
        raise EvaluationError(f"{scores} rows have a prediction that is not {score}")


def ordered(measurements: list[Measurement]) -> list[Measurement]:
    """By slice, slice value and metric, "all" first."""
    return sorted(measurements, key=lambda one: (one.slice != ALL, one.slice, one.slice_value, one.metric))
