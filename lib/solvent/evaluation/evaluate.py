"""From scored rows to measurements: one plan and one collect for all metrics and all slices, and a second one where curves take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from solvent.config.base import counted
from solvent.config.measures import Measures
from solvent.errors import EvaluationError
from solvent.evaluation.result import Evaluation, Measurement
from solvent.kinds import KINDS, require_known
from solvent.kinds.kind import Part
from solvent.kinds.metric import Metric
from solvent.kinds.paired import DaySums, days_from
from solvent.kinds.slices import ALL


def evaluate(scored: DataFrame, kind: str, measures: Measures, key: Sequence[str]) -> Evaluation:
    """Measures predictions against labels, overall and for every value of every slice column.

    Args:
        scored: The key; the slice columns; label: 0 or 1, or a number; prediction: the probability of 1, or a number.
        kind: Name of one of KINDS.
        measures: Metrics, of those of the kind; slices: columns whose values name the subsets; threshold: predictions
            at or above it count as positive; confidence: of the intervals.
        key: Columns that name a row.

    Returns:
        Each metric on each slice value with its interval, and the curves of all rows; the same, bit for bit, for any order and
        partitioning of the rows.

    Raises:
        EvaluationError: If there is no row, a metric does not exist, or a label or prediction is missing or out of range.
    """
    return evaluated(scored, valid_cells(scored, kind, measures, key), kind, measures)


def evaluate_by_day(scored: DataFrame, kind: str, measures: Measures, key: Sequence[str]) -> tuple[Evaluation, DaySums]:
    """What `evaluate` and `day_sums` find, in one pass where the kind can do it.

    Args:
        scored: As for both.
        kind: Name of one of KINDS.
        measures: See evaluate.
        key: Columns that name a row.

    Raises:
        EvaluationError: As of both.
    """
    require_known(kind, measures.metrics)
    cells, days = KINDS[kind].cells_and_days(scored, measures.slices, measures.threshold, key)
    return evaluated(scored, require_valid(cells, kind), kind, measures), days_from(days, kind)


def evaluated(scored: DataFrame, cells: Sequence[Any], kind: str, measures: Measures) -> Evaluation:
    """The evaluation that collected sums come to.

    Raises:
        EvaluationError: If there is no row.
    """
    if not cells:
        raise EvaluationError(
            "there are no rows with a label to evaluate on; choose a later as-of, or a longer holdout"
        )
    tallies = KINDS[kind].tallies(cells)
    curves = KINDS[kind].curves(scored, of_all(cells), tallies[ALL, ALL], measures.confidence)
    return Evaluation(measurements(tallies, kind, measures), curves)


def measure(scored: DataFrame, kind: str, measures: Measures, key: Sequence[str]) -> list[Measurement]:
    """The measurements of `evaluate` without curves, always in one pass; none if there are no rows."""
    return measurements(KINDS[kind].tallies(valid_cells(scored, kind, measures, key)), kind, measures)


def valid_cells(scored: DataFrame, kind: str, measures: Measures, key: Sequence[str]) -> Sequence[Any]:
    """The collected sums that metrics are made of.

    Raises:
        EvaluationError: If a metric does not exist, or predictions or labels cannot be measured.
    """
    require_known(kind, measures.metrics)
    return require_valid(KINDS[kind].cells(scored, measures.slices, measures.threshold, key), kind)


def require_valid(cells: Sequence[Any], kind: str) -> Sequence[Any]:
    """Collected sums, if predictions and labels can be measured.

    Raises:
        EvaluationError: If they cannot.
    """
    # Each cell of a binary model carries the invalid rows of its bucket, and all invalid scores are in bucket 0.
    labels, scores = (sum(row[name] for row in of_all(cells)) for name in ("invalid_labels", "invalid_scores"))
    label, score = KINDS[kind].label_text, KINDS[kind].prediction_text
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


def measurements(tallies: Mapping[Part, Any], kind: str, measures: Measures) -> list[Measurement]:
    """Every metric on every slice value, ordered."""
    metrics = [KINDS[kind].metric(name) for name in measures.metrics]
    return ordered(
        [measurement(part, metric, tally, measures.confidence) for part, tally in tallies.items() for metric in metrics]
    )


def measurement(part: Part, metric: Metric, tally: Any, confidence: float) -> Measurement:
    """One metric on one slice value."""
    value, interval = metric.measure(tally, confidence)
    return Measurement(*part, metric.name, value, interval.low, interval.high, tally.n, interval.method)


def ordered(measurements: list[Measurement]) -> list[Measurement]:
    """By slice, slice value and metric, "all" first."""
    return sorted(measurements, key=lambda one: (one.slice != ALL, one.slice, one.slice_value, one.metric))
