"""From scored rows to measurements: one plan and one collect for all metrics and all slices; a second one for a regression's curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from solvent.config.base import counted
from solvent.config.measures import Measures
from solvent.errors import EvaluationError
from solvent.evaluation import binary, regression
from solvent.evaluation.metrics import Kind, require_known
from solvent.evaluation.paired import DaySums, day_sums, days_from
from solvent.evaluation.result import ALL, Curves, Evaluation, Measurement
from solvent.evaluation.tallies import BY_DAY, binary_sums, binary_sums_twice


def evaluate(scored: DataFrame, kind: Kind, measures: Measures, key: Sequence[str]) -> Evaluation:
    """Measures predictions against labels, overall and for every value of every slice column.

    Args:
        scored: The key; the slice columns; label: 0 or 1, or a number; prediction: the probability of 1, or a number.
        kind: "binary" or "regression".
        measures: Metrics, of BINARY_METRICS or REGRESSION_METRICS; slices: columns whose values name the subsets; threshold: predictions
            at or above it count as positive; confidence: of the intervals.
        key: Columns that name a row.

    Returns:
        Each metric on each slice value with its interval, and the curves of all rows; the same, bit for bit, for any order and
        partitioning of the rows.

    Raises:
        EvaluationError: If there is no row, a metric does not exist, or a label or prediction is missing or out of range.
    """
    return evaluated(scored, valid_cells(scored, kind, measures, key), kind, measures)


def evaluate_by_day(
    scored: DataFrame, kind: Kind, measures: Measures, key: Sequence[str]
) -> tuple[Evaluation, DaySums]:
    """What `evaluate` and `day_sums` find, of a binary model in one pass.

    Args:
        scored: As for both.
        kind: "binary" or "regression".
        measures: See evaluate.
        key: Columns that name a row.

    Raises:
        EvaluationError: As of both.
    """
    slices, threshold = measures.slices, measures.threshold
    if kind == "regression":
        return evaluate(scored, kind, measures, key), day_sums(scored, kind=kind, slices=slices, threshold=threshold)
    require_known(kind, measures.metrics)
    rows = binary_sums_twice(scored, slices, threshold).collect()
    cells = require_valid([row for row in rows if not row[BY_DAY]], kind)
    return evaluated(scored, cells, kind, measures), days_from([row for row in rows if row[BY_DAY]], kind)


def evaluated(scored: DataFrame, cells: Sequence[Any], kind: Kind, measures: Measures) -> Evaluation:
    """The evaluation that collected sums come to.

    Raises:
        EvaluationError: If there is no row.
    """
    if not cells:
        raise EvaluationError(
            "there are no rows with a label to evaluate on; choose a later as-of, or a longer holdout"
        )
    sums = summed(cells, kind)
    return Evaluation(measured(sums, kind, measures), curves(scored, cells, sums, kind, measures.confidence))


def measure(scored: DataFrame, kind: Kind, measures: Measures, key: Sequence[str]) -> list[Measurement]:
    """The measurements of `evaluate` without curves, always in one pass; none if there are no rows."""
    return measured(summed(valid_cells(scored, kind, measures, key), kind), kind, measures)


def valid_cells(scored: DataFrame, kind: Kind, measures: Measures, key: Sequence[str]) -> Sequence[Any]:
    """The collected sums that metrics are made of.

    Raises:
        EvaluationError: If a metric does not exist, or predictions or labels cannot be measured.
    """
    require_known(kind, measures.metrics)
    if kind == "binary":
        cells = binary_sums(scored, measures.slices, measures.threshold).collect()
    else:
        cells = regression.regression_sums(scored, measures.slices, regression.block_of(key)).collect()
    return require_valid(cells, kind)


def require_valid(cells: Sequence[Any], kind: Kind) -> Sequence[Any]:
    """Collected sums, if predictions and labels can be measured.

    Raises:
        EvaluationError: If they cannot.
    """
    # Each cell of a binary model carries the invalid rows of its bucket, and all invalid scores are in bucket 0.
    labels, scores = (sum(row[name] for row in of_all(cells)) for name in ("invalid_labels", "invalid_scores"))
    label, score = ("0 or 1", "a probability") if kind == "binary" else ("a finite number", "a finite number")
    if labels:
        raise EvaluationError(
            f"{counted(labels, 'row has', 'rows have')} a label that is not {label}; leave rows without a label out"
        )
    if scores:
        raise EvaluationError(f"{counted(scores, 'row has', 'rows have')} a prediction that is not {score}")
    return cells


def of_all(cells: Sequence[Any]) -> list[Any]:
    """The cells that count all rows, and not those of a slice value."""
    return [row for row in cells if row["slice"] == ALL]


def summed(cells: Sequence[Any], kind: Kind) -> Mapping[tuple[str, str], Any]:
    """What the cells of each slice value come to."""
    return binary.tallies(cells) if kind == "binary" else regression.blocks_of(cells)


def measured(sums: Mapping[tuple[str, str], Any], kind: Kind, measures: Measures) -> list[Measurement]:
    """Every metric on every slice value, ordered."""
    measured_of = binary.measured if kind == "binary" else regression.measured
    return ordered(measured_of(sums, measures.metrics, measures.confidence))


def curves(
    scored: DataFrame, cells: Sequence[Any], sums: Mapping[tuple[str, str], Any], kind: Kind, confidence: float
) -> Curves:
    """The curves of all rows."""
    if kind == "binary":
        return binary.curves(of_all(cells), sums[ALL, ALL], confidence)
    # Where the bins of a regression are is known only now that all predictions were seen.
    span = regression.span_of(of_all(cells))
    strips = regression.strip_sums(scored, span).collect()
    return Curves(calibration=regression.calibration_bins(strips, span, confidence))


def ordered(measurements: list[Measurement]) -> list[Measurement]:
    """By slice, slice value and metric, "all" first."""
    return sorted(measurements, key=lambda one: (one.slice != ALL, one.slice, one.slice_value, one.metric))
