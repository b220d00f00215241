"""What a kind of label is, and all that follows from it: the one protocol that the rest of the suite asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame

from solvent.kinds.curves import CurveChart, Curves
from solvent.kinds.intervals import Interval
from solvent.kinds.metric import Floats, Metric

Part = tuple[str, str]
Rows = Sequence[Any]


@dataclass(frozen=True)
class Kind:
    """A kind of label.

    Attributes:
        name: In model.yml and in words.
        metrics: All there are.
        default_metric: The proper score, which is best for the true probability or the true mean, and which no threshold enters. It
            decides a search and a probation where model.yml names none.
        beside: Metrics told beside the first one of model.yml where there is room for few.
        charted: Metrics drawn over time.
        classes: The labels that there are, each of which a model must have seen; none where a label is any number.
        limits: The least and the greatest prediction; None where it is any number.
        percent: Whether predictions are told in percent.
        column: The column of a fitted model that predictions are made of.
        column_text: What an estimator without such a column lacks.
        prediction: DOUBLE, the prediction from that column.
        valid_label: BOOLEAN, never null: whether a label is one.
        label_text: What a label must be.
        label_advice: What to do where labels are none; {estimator} is what was to learn them.
        valid_prediction: BOOLEAN, never null: whether a prediction is one.
        prediction_text: What a prediction must be.
        flipped: Predictions of a row by one model and by another, threshold -> BOOLEAN, whether they are different decisions; None where
            predictions decide nothing.
        threshold_text: Which metrics depend on the {threshold}; "" where none does.
        loss: Label, prediction -> DOUBLE, the loss of a row, whose mean is explained when it rises.
        loss_of_shift: By how much the mean loss would change if the mean label of all rows moved: rows in each cell of predictions,
            their sums of labels and of predictions, the move.
        association: Ranks of a feature, labels (of every class where there are classes) -> how well the feature alone tells the label,
            from 0 to 1, whichever way round.
        association_text: What that is called.
        cells: Scored rows (key, slices, label, prediction), slices, threshold, key -> collected sums for all metrics: slice, slice_value,
            invalid_labels, invalid_scores, and what `tallies` reads.
        days: Scored rows with prediction_time, slices, threshold -> collected sums by day: slice, slice_value, day (since 1970; null where
            a time is missing), and what `day_sums` reads.
        cells_and_days: Both, in one pass where that can be.
        tallies: Cells -> what they come to by slice and slice value, as metrics measure it; each has the rows as `n`.
        curves: Scored rows, cells of all of them, their tally, confidence -> the curves of all rows.
        charts: Of the curves, in the order of a page.
        sums: The sums by day that two models are compared by, in the order of their columns.
        shared: Those of them that are of the rows alone, and equal for any two models.
        comparable: Whether all rows of a collected day have a usable label, prediction and time.
        day_sums: Collected days of one slice value -> its `sums` as doubles.
        mean_label: What the mean of a {label} is called.
        mean_label_interval: Sum of labels, rows, confidence -> the interval of their mean; None where that sum does not tell it.
        observed_text: What the mean label is called beside predictions.
        unit: Of predictions.
        score_text: A prediction as people read it.
        change_text: What is added to a prediction, with its sign.
    """

    name: str
    metrics: tuple[Metric, ...]
    default_metric: str
    beside: tuple[str, ...]
    charted: tuple[str, ...]
    classes: tuple[float, ...]
    limits: tuple[float, float] | None
    percent: bool
    column: str
    column_text: str
    prediction: Callable[[Column], Column]
    valid_label: Callable[[Column], Column]
    label_text: str
    label_advice: str
    valid_prediction: Callable[[Column], Column]
    prediction_text: str
    flipped: Callable[[Column, Column, float], Column] | None
    threshold_text: str
    loss: Callable[[Column, Column], Column]
    loss_of_shift: Callable[[Floats, Floats, Floats, float], float]
    association: Callable[[Any, Any], float]
    association_text: str
    cells: Callable[[DataFrame, Sequence[str], float, Sequence[str]], Rows]
    days: Callable[[DataFrame, Sequence[str], float], Rows]
    cells_and_days: Callable[[DataFrame, Sequence[str], float, Sequence[str]], tuple[Rows, Rows]]
    tallies: Callable[[Rows], Mapping[Part, Any]]
    curves: Callable[[DataFrame, Rows, Any, float], Curves]
    charts: tuple[CurveChart, ...]
    sums: tuple[str, ...]
    shared: tuple[str, ...]
    comparable: Callable[[Any], bool]
    day_sums: Callable[[Rows], Mapping[str, Floats]]
    mean_label: str
    mean_label_interval: Callable[[float, float, float], Interval] | None
    observed_text: str
    unit: str
    score_text: Callable[[float], str]
    change_text: Callable[[float], str]

    def metric(self, name: str) -> Metric:
        """The metric of a name, which there must be."""
        return next(one for one in self.metrics if one.name == name)

    def only_label(self, rows: int, positives: int) -> float | None:
        """The one label of rows of which a model must see every class; None where it sees them."""
        return self.classes[positives > 0] if self.classes and positives in (0, rows) else None
