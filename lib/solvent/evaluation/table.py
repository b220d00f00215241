"""Evaluations as Delta tables: measurements in long form, one row for each metric on each slice value; beside them curves, and sums by day.

An evaluation is named by the digest of what it is of and made with: the model, the rows, what is measured, code and environment. It is
computed once, whether the model was then challenger, champion or baseline; by the sums two models are compared without scoring again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.config.measures import Measures
from solvent.evaluation.evaluate import ordered
from solvent.evaluation.result import Evaluation, Measurement
from solvent.kinds import KINDS
from solvent.kinds.curves import CalibrationBin, Curves, HistogramBin, ThresholdPoint
from solvent.kinds.paired import Days, DaySums
from solvent.tables.warehouse import Warehouse

EVALUATIONS, CURVES, DAYS = "evaluations", "evaluation_curves", "evaluation_days"
COLUMNS = (
    Column("evaluation", "STRING"),
    Column("model", "STRING"),
    Column("version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("rows_from", "TIMESTAMP"),
    Column("rows_until", "TIMESTAMP"),
    Column("features", "STRING"),
    Column("pins", "STRING"),
    Column("threshold", "DOUBLE"),
    Column("confidence", "DOUBLE"),
    Column("slice", "STRING"),
    Column("slice_value", "STRING"),
    Column("metric", "STRING"),
    Column("value", "DOUBLE"),
    Column("low", "DOUBLE"),
    Column("high", "DOUBLE"),
    Column("n", "BIGINT"),
    Column("method", "STRING"),
)
POINT = "STRUCT<threshold:DOUBLE,false_positive_rate:DOUBLE,true_positive_rate:DOUBLE,precision:DOUBLE>"
CURVE_COLUMNS = (
    Column("evaluation", "STRING"),
    Column("roc", f"ARRAY<{POINT}>"),
    Column("precision_recall", f"ARRAY<{POINT}>"),
    Column(
        "calibration",
        "ARRAY<STRUCT<lower:DOUBLE,upper:DOUBLE,mean_prediction:DOUBLE,observed:DOUBLE,low:DOUBLE,high:DOUBLE,n:BIGINT>>",
    ),
    Column("histogram", "ARRAY<STRUCT<lower:DOUBLE,upper:DOUBLE,positives:BIGINT,negatives:BIGINT>>"),
)
DAY_KEY = (
    Column("evaluation", "STRING"),
    Column("slice", "STRING"),
    Column("slice_value", "STRING"),
    Column("day", "DATE"),
)


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and on what.

    Attributes:
        model: Registered name.
        version: Its version.
        model_digest: Its digest.
        rows_from: First prediction time of the rows.
        rows_until: Prediction times are before it.
        labels_until: Labels count that were available before it.
        features: Digest of the content of the feature build.
        pins: The pins of the build as JSON values.
        code: Digest of the functions that measure.
        environment: What they run with, by name.
    """

    model: str
    version: int
    model_digest: str
    rows_from: datetime
    rows_until: datetime
    labels_until: datetime
    features: str
    pins: Sequence[object]
    code: str
    environment: Mapping[str, str]

    def evaluation(self, measures: Measures) -> str:
        """The digest that names the evaluation."""
        times = [self.rows_from.isoformat(), self.rows_until.isoformat(), self.labels_until.isoformat()]
        made = [self.code, dict(self.environment)]
        return digest_of([self.model_digest, self.features, times, measures.model_dump(mode="json"), *made])


def day_columns() -> tuple[Column, ...]:
    """The columns of DAYS, with the sums of all kinds; null are those of another than the model's."""
    return (
        *DAY_KEY,
        *(Column(name, "DOUBLE") for name in dict.fromkeys(sum for of in KINDS.values() for sum in of.sums)),
    )


def find_evaluation(warehouse: Warehouse, subject: Subject, measures: Measures) -> Evaluation | None:
    """The evaluation of a subject, if it was made before."""
    name = subject.evaluation(measures)
    curves = warehouse.rows(CURVES, evaluation=name)
    if not curves:
        return None
    # A version is evaluated once for each training that gave the same model, and says the same.
    names = ("slice", "slice_value", "metric", "value", "low", "high", "n", "method")
    found = {tuple(row[one] for one in names) for row in warehouse.rows(EVALUATIONS, evaluation=name)}
    measurements = [Measurement(*row) for row in found]
    row = curves[0]
    return Evaluation(
        ordered(measurements),
        Curves(
            tuple(ThresholdPoint(*point.values()) for point in row["roc"]),
            tuple(ThresholdPoint(*point.values()) for point in row["precision_recall"]),
            tuple(CalibrationBin(*one.values()) for one in row["calibration"]),
            tuple(HistogramBin(*one.values()) for one in row["histogram"]),
        ),
    )


def find_days(warehouse: Warehouse, subject: Subject, measures: Measures, kind: str) -> DaySums:
    """The sums by day of an evaluation that was made before."""
    parts: dict[tuple[str, str], dict[date, Mapping[str, float]]] = {}
    for row in warehouse.rows(DAYS, evaluation=subject.evaluation(measures)):
        parts.setdefault((row["slice"], row["slice_value"]), {})[row["day"]] = row
    return DaySums(
        kind,
        {
            part: Days(
                tuple(sorted(of)), {name: np.array([of[day][name] for day in sorted(of)]) for name in KINDS[kind].sums}
            )
            for part, of in parts.items()
        },
    )


def append_evaluation(
    warehouse: Warehouse, subject: Subject, measures: Measures, found: Evaluation, days: DaySums
) -> None:
    """Enters an evaluation into the tables; once, however often it is called."""
    name = subject.evaluation(measures)
    warehouse.create(EVALUATIONS, COLUMNS)
    columns = day_columns()
    warehouse.create(DAYS, columns)
    warehouse.create(CURVES, CURVE_COLUMNS)
    pins = json.dumps(list(subject.pins))
    head = (
        *(name, subject.model, subject.version, subject.model_digest, subject.rows_from, subject.rows_until),
        *(subject.features, pins, measures.threshold, measures.confidence),
    )
    rows = [
        (*head, one.slice, one.slice_value, one.metric, one.value, one.low, one.high, one.n, one.method)
        for one in found.measurements
    ]
    warehouse.append_rows(EVALUATIONS, rows, COLUMNS, digest_of([name, subject.model, subject.version]))
    by_day = [
        (
            name,
            *part,
            day,
            *(float(of.sums[one.name][at]) if one.name in of.sums else None for one in columns[len(DAY_KEY) :]),
        )
        for part, of in days.parts.items()
        for at, day in enumerate(of.days)
    ]
    warehouse.append_rows(DAYS, by_day, columns, name)
    # The curves come last: an evaluation that has them is complete.
    curves = found.curves
    row = (
        name,
        [(point.threshold, *rates(point)) for point in curves.roc],
        [(point.threshold, *rates(point)) for point in curves.precision_recall],
        [
            (one.lower, one.upper, one.mean_prediction, one.observed, one.low, one.high, one.n)
            for one in curves.calibration
        ],
        [(one.lower, one.upper, one.positives, one.negatives) for one in curves.histogram],
    )
    warehouse.append_rows(CURVES, [row], CURVE_COLUMNS, name)


def rates(point: ThresholdPoint) -> tuple[float | None, float | None, float | None]:
    """The rates at a threshold."""
    return point.false_positive_rate, point.true_positive_rate, point.precision
