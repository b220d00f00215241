"""The metrics of every window (a day or a week) and slice, from one pass over labelled predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.measures import Measures
from solvent.evaluation import Measurement, measure
from solvent.kinds.slices import ALL, slice_value

WINDOW = "_window"
# A date has ten characters, so that what comes after the eleventh is the slice's value, whatever it holds.
DATE_LENGTH, SEPARATOR = 10, "|"


@dataclass(frozen=True)
class WindowMeasurement:
    """One metric on one slice value in one window, which is named by its first day."""

    window: date
    measured: Measurement


def measured_windows(
    labelled: DataFrame, kind: str, measures: Measures, key: Sequence[str], window: str
) -> list[WindowMeasurement]:
    """Measures every window by itself, overall and by slice.

    Args:
        labelled: The key; the slice columns; prediction_time TIMESTAMP; prediction DOUBLE; label DOUBLE, never null.
        kind: Of the labels.
        measures: Metrics, slices, threshold and confidence.
        key: Columns that name a row.
        window: "day" or "week".

    Returns:
        One for each window with a row, slice value and metric, in that order.
    """
    rows = labelled.withColumn(WINDOW, F.date_format(F.date_trunc(window, "prediction_time"), "yyyy-MM-dd"))
    names = {f"{WINDOW}_{name}": name for name in measures.slices}
    for column, name in names.items():
        rows = rows.withColumn(column, F.concat(F.col(WINDOW), F.lit(SEPARATOR), slice_value(name)))
    found = measure(rows, kind, measures.model_copy(update={"slices": (WINDOW, *names)}), key)
    by_window = [of_window(one, names.get(one.slice, ALL)) for one in found if one.slice != ALL]
    return sorted(by_window, key=lambda one: (one.window, one.measured.slice != ALL))


def of_window(one: Measurement, slice: str) -> WindowMeasurement:
    """A measurement on a window, or on a window and a slice value, taken apart."""
    window = date.fromisoformat(one.slice_value[:DATE_LENGTH])
    value = ALL if slice == ALL else one.slice_value[DATE_LENGTH + len(SEPARATOR) :]
    return WindowMeasurement(
        window, Measurement(slice, value, one.metric, one.value, one.low, one.high, one.n, one.method)
    )
