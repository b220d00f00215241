"""Evaluations as Delta tables: measurements in long form, one row for each metric on each slice value; beside them curves, and sums by day.

An evaluation is named by the digest of what it is of and made with: the model, the rows, what is measured, code and environment. It is
computed once, whether the model was then challenger, champion or baseline; by the sums two models are compared without scoring again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from datetime import date, datetime
from typing import Annotated, Any

import numpy as np

from solvent.config.base import digest_of
from solvent.config.measures import Measures
from solvent.evaluation.evaluate import ordered
from solvent.evaluation.result import Evaluation, Measurement
from solvent.kinds import KINDS
from solvent.kinds.curves import Curves
from solvent.kinds.paired import Days, DaySums
from solvent.tables import JSON, Ledger, Warehouse


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


@dataclass(frozen=True)
class MeasurementRow:
    """A measurement, and the evaluation of a model version that it belongs to."""

    evaluation: str
    model: str
    version: int
    model_digest: str
    rows_from: datetime
    rows_until: datetime
    features: str
    pins: Annotated[Sequence[object], JSON]
    threshold: float
    confidence: float
    measured: Measurement


@dataclass(frozen=True)
class CurvesRow:
    """The curves of an evaluation."""

    evaluation: str
    curves: Curves


EVALUATIONS, CURVES = Ledger("evaluations", MeasurementRow), Ledger("evaluation_curves", CurvesRow)


def days_ledger() -> Ledger[Any]:
    """The sums of all kinds, by day and slice value; null are those of another kind than the model, and those added since."""
    names = dict.fromkeys(name for kind in KINDS.values() for name in kind.sums)
    key = [("evaluation", str), ("slice", str), ("slice_value", str), ("day", date)]
    sums = [(name, float | None, field(default=None)) for name in names]
    return Ledger("evaluation_days", make_dataclass("DayRow", [*key, *sums], frozen=True))


def find_evaluation(warehouse: Warehouse, subject: Subject, measures: Measures) -> Evaluation | None:
    """The evaluation of a subject, if it was made before."""
    name = subject.evaluation(measures)
    curves = CURVES.rows(warehouse, evaluation=name)
    if not curves:
        return None
    # A version is evaluated once for each training that gave the same model, and says the same.
    names = tuple(one.name for one in fields(Measurement))
    found = {tuple(row.values()) for row in EVALUATIONS.select(warehouse, *names, evaluation=name)}
    return Evaluation(ordered([Measurement(*one) for one in found]), curves[0].curves)


def find_days(warehouse: Warehouse, subject: Subject, measures: Measures, kind: str) -> DaySums:
    """The sums by day of an evaluation that was made before."""
    parts: dict[tuple[str, str], dict[date, Mapping[str, float]]] = {}
    ledger = days_ledger()
    for row in ledger.select(warehouse, *ledger.names, evaluation=subject.evaluation(measures)):
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
    rows = [
        MeasurementRow(
            *(name, subject.model, subject.version, subject.model_digest, subject.rows_from, subject.rows_until),
            *(subject.features, subject.pins, measures.threshold, measures.confidence, one),
        )
        for one in found.measurements
    ]
    EVALUATIONS.append(warehouse, rows, digest_of([name, subject.model, subject.version]))
    ledger = days_ledger()
    by_day = [
        ledger.row(name, *part, day, **{one: float(sums[at]) for one, sums in of.sums.items()})
        for part, of in days.parts.items()
        for at, day in enumerate(of.days)
    ]
    ledger.append(warehouse, by_day, name)
    # The curves come last: an evaluation that has them is complete.
    CURVES.append(warehouse, [CurvesRow(name, found.curves)], name)
