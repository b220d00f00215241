"""Monitoring: the validation is run again on predictions whose labels have matured, and a deviation is told from noise.

Each window of a model's life is measured once its labels had time to arrive, and again as long as late ones may come; a measurement that
changed is a further row with a later as-of, and nothing is overwritten. Before its life come the windows of its holdout, which say what to
expect. What deviates is decided by `deviation.detect_deviations` over all windows of the life.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.expressions import Column
from solvent.config.monitoring import Monitoring
from solvent.config.project import Project
from solvent.features import Feature
from solvent.features.profile import by_window, cell_counts, stored_references
from solvent.features.table import labelled_rows, predicted_within
from solvent.kinds import descriptive, metrics_by_name
from solvent.kinds.metric import LABEL_RATE
from solvent.kinds.slices import ALL
from solvent.monitoring.detector import CONCENTRATION, VOLUME
from solvent.monitoring.deviation import Finding, Verdict, detect_deviations
from solvent.monitoring.drift import Drift, append_counted, append_drift, concentrations
from solvent.monitoring.findings import WHOSE, append_once, whose
from solvent.monitoring.health import Health, append_health
from solvent.monitoring.labels import MATURED, NEVER, PENDING, with_labels
from solvent.monitoring.streams import Stream
from solvent.monitoring.windows import WindowMeasurement, measured_windows
from solvent.registry import ModelVersion
from solvent.session import at_once, kept
from solvent.sources.pins import Pin, read_source
from solvent.tables.warehouse import Warehouse

PERFORMANCE, COVERAGE, DEVIATIONS = "performance", "label_coverage", "deviations"
REFERENCE, LIFE = "reference", "life"
FEATURE = "feature"
PERFORMANCE_COLUMNS = (
    *WHOSE,
    Column("phase", "STRING"),
    Column("window", "DATE"),
    Column("as_of", "DATE"),
    Column("slice", "STRING"),
    Column("slice_value", "STRING"),
    Column("metric", "STRING"),
    Column("value", "DOUBLE"),
    Column("low", "DOUBLE"),
    Column("high", "DOUBLE"),
    Column("n", "BIGINT"),
    Column("method", "STRING"),
)
COVERAGE_COLUMNS = (
    *WHOSE,
    Column("window", "DATE"),
    Column("as_of", "DATE"),
    Column("predictions", "BIGINT"),
    Column(MATURED, "BIGINT"),
    Column(NEVER, "BIGINT"),
    Column(PENDING, "BIGINT"),
)
DEVIATION_COLUMNS = (
    *WHOSE,
    Column("as_of", "DATE"),
    Column("metric", "STRING"),
    Column("slice", "STRING"),
    Column("slice_value", "STRING"),
    Column("deviates", "BOOLEAN"),
    Column("alarm", "DATE"),
    Column("p_value", "DOUBLE"),
    Column("e_value", "DOUBLE"),
    Column("direction", "STRING"),
    Column("expected", "DOUBLE"),
    Column("expected_low", "DOUBLE"),
    Column("expected_high", "DOUBLE"),
    Column("observed", "DOUBLE"),
    Column("change", "DATE"),
    Column("change_low", "DATE"),
    Column("change_high", "DATE"),
)
Position = tuple[str, date, str, str, str]


class Figure(NamedTuple):
    """A measurement as it is judged: on how many rows, what came out, and when it was first measured."""

    n: int
    value: float | None
    first: date


@dataclass(frozen=True)
class Coverage:
    """How many predictions of a window have a label, never get one, or wait for it."""

    window: date
    predictions: int
    matured: int
    never: int
    pending: int


@dataclass(frozen=True)
class Monitored:
    """What monitoring found at an as-of.

    Attributes:
        version: The model.
        coverage: Of the windows looked at.
        windows: Windows whose measurements are new or changed.
        drifts: Of the windows looked at, by window and feature.
        health: Of every source.
        verdict: Over the model's whole life, or since monitoring started anew.
        life: The windows that are judged, in order; alarms and change points of the verdict count in them.
    """

    version: ModelVersion
    coverage: Sequence[Coverage]
    windows: Sequence[date]
    drifts: Sequence[Drift]
    health: Sequence[Health]
    verdict: Verdict
    life: Sequence[date]


def monitor(
    warehouse: Warehouse,
    project: Project,
    version: ModelVersion,
    predictions: DataFrame,
    holdout: DataFrame | None,
    trained: date,
    features: Sequence[Feature],
    pins: Sequence[Pin],
    as_of: date,
    judged_from: date | None = None,
) -> Monitored:
    """Measures what has matured, and judges the life of a model.

    Args:
        warehouse: The project's tables.
        project: Declares label, measures and monitoring.
        version: The model.
        predictions: Its predictions: key, slices, prediction_time, prediction.
        holdout: The same with label and features, of the whole windows of its holdout; None if these were measured before.
        trained: The as-of of its training, which its holdout is measured as of.
        features: What is described of it: the features the model uses, and its prediction.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.
        judged_from: The first day that is judged, where monitoring started anew after an alarm; None for all of the life.

    Raises:
        EvaluationError: If predictions or labels cannot be measured.
    """
    for table, columns in (
        (PERFORMANCE, PERFORMANCE_COLUMNS),
        (COVERAGE, COVERAGE_COLUMNS),
        (DEVIATIONS, DEVIATION_COLUMNS),
    ):
        warehouse.create(table, columns)
    key, kind, settings = project.predicted.key, project.model.kind, project.monitoring
    before = performance(warehouse, version, as_of)
    if holdout is not None:
        cells = cell_counts(holdout, stored_references(warehouse, version.digest), features)
        append_counted(warehouse, version, by_window(cells, settings.window), trained)
        reference = measured_windows(holdout, kind, project.evaluation, key, settings.window)
        append_changed(warehouse, version, REFERENCE, trained, reference, before)
    end = midnight(as_of)
    # Whole windows, see Monitoring.whole_windows.
    last = midnight(settings.window_of(end - project.windows.maturity))
    since = midnight(settings.window_of(measured_until(before, last, settings.length, as_of) - settings.look_back))
    recent = predictions.where(predicted_within(since, end))
    labelled = with_labels(recent, labels_of(warehouse, project, pins, since, end), key, end)
    looks: list[Callable[[], Any]] = [
        lambda: append_life(warehouse, project, version, labelled, predicted_within(since, last), as_of, before),
        lambda: append_drift(warehouse, version, since.date(), as_of, settings.window, as_of),
        lambda: append_health(warehouse, project, pins, as_of),
    ]
    (covered, changed), drifts, health = at_once(lambda look: look(), looks)
    inputs = concentrations(warehouse, version, as_of)
    verdict, windows = judged(project, performance(warehouse, version, as_of), inputs, last.date(), judged_from)
    append_deviations(warehouse, version, as_of, verdict, windows)
    return Monitored(version, covered, changed, drifts, health, verdict, windows)


def append_life(
    warehouse: Warehouse,
    project: Project,
    version: ModelVersion,
    labelled: DataFrame,
    whole: Expression,
    as_of: date,
    before: Mapping[Position, Figure],
) -> tuple[list[Coverage], list[date]]:
    """Measures labelled predictions; the coverage of their windows, and the windows whose measurements are new or changed.

    Args:
        warehouse: The project's tables.
        project: Declares measures and monitoring.
        version: The model.
        labelled: Its predictions with their labels and the state of these.
        whole: Whether a prediction is in a window that has matured to its end.
        as_of: Labels count that were available before it.
        before: What was measured before.
    """
    window = project.monitoring.window
    with kept(labelled):
        covered = coverage_of(labelled, window)
        ripe = labelled.where((F.col("label_state") == MATURED) & whole)
        life = measured_windows(ripe, project.model.kind, project.evaluation, project.predicted.key, window)
        changed = append_changed(warehouse, version, LIFE, as_of, life, before)
    append_coverage(warehouse, version, as_of, covered)
    return covered, changed


def reference_measured(warehouse: Warehouse, version: ModelVersion) -> bool:
    """Whether the windows of a model's holdout were measured before."""
    return bool(warehouse.rows(PERFORMANCE, model_digest=version.digest, phase=REFERENCE))


def measured_until(measured: Mapping[Position, Figure], last: datetime, length: timedelta, as_of: date) -> datetime:
    """The end of what was measured of a life before an as-of, so that no window is left out however seldom it is looked at.

    What was measured at that as-of does not count, so that who looks again looks at the same. It is 1970 before the first time.
    """
    ends = [
        window + length for (phase, window, *_), figure in measured.items() if phase == LIFE and figure.first < as_of
    ]
    return min(last, midnight(max(ends))) if ends else datetime(1970, 2, 1, tzinfo=UTC)


def labels_of(
    warehouse: Warehouse, project: Project, pins: Sequence[Pin], since: datetime, until: datetime
) -> DataFrame:
    """Key, label and label_available_time of the rows of an interval of prediction times."""
    name = project.prediction.source
    pinned = next(pin for pin in pins if pin.source == name)
    rows = labelled_rows(project, read_source(warehouse, project.sources[name], pinned), since, until)
    labels = [F.col("_label").alias("label"), F.col("_label_available_time").alias("label_available_time")]
    return rows.select(*project.predicted.key, *labels)


def matured_predictions(
    warehouse: Warehouse,
    project: Project,
    pins: Sequence[Pin],
    predictions: DataFrame,
    since: datetime,
    until: datetime,
) -> DataFrame:
    """Those of the predictions from a time on whose label was known before another, with their labels."""
    labels = labels_of(warehouse, project, pins, since, until)
    labelled = with_labels(predictions, labels, list(project.predicted.key), until)
    return labelled.where(F.col("label_state") == MATURED)


def coverage_of(labelled: DataFrame, window: str) -> list[Coverage]:
    """Predictions by window and state of their label."""
    states = [F.count_if(F.col("label_state") == state).alias(state) for state in (MATURED, NEVER, PENDING)]
    within = F.to_date(F.date_trunc(window, "prediction_time")).alias("window")
    windows = labelled.groupBy(within).agg(F.count(F.lit(1)).alias("n"), *states)
    return [Coverage(*row) for row in windows.orderBy("window").collect()]


def performance(warehouse: Warehouse, version: ModelVersion, as_of: date) -> dict[Position, Figure]:
    """The latest measurement up to an as-of of every phase, window, slice value and metric of a model: some hundreds a day."""
    mine = (F.col("model_digest") == version.digest) & (F.col("as_of") <= F.lit(as_of))
    rows = warehouse.read(PERFORMANCE).where(mine)
    place = ("phase", "window", "slice", "slice_value", "metric")
    latest = rows.groupBy(*place).agg(
        F.max(F.struct("as_of", "n", "value")).alias("latest"), F.min("as_of").alias("first")
    )
    # As Arrow, because rows of Python objects would take longer than all else that grows with a model's life.
    found = latest.select(*place, "latest.n", "latest.value", "first").toArrow().to_pydict()
    figures = map(Figure, found["n"], found["value"], found["first"])
    return dict(zip(zip(*(found[name] for name in place), strict=True), figures, strict=True))


def append_changed(
    warehouse: Warehouse,
    version: ModelVersion,
    phase: str,
    as_of: date,
    found: Iterable[WindowMeasurement],
    there: Mapping[Position, Figure],
) -> list[date]:
    """Appends measurements that are not what is there already; their windows."""
    rows = []
    for one in found:
        measured = one.measured
        latest = there.get((phase, one.window, measured.slice, measured.slice_value, measured.metric))
        if latest is not None and (latest.n, latest.value) == (measured.n, measured.value):
            continue
        rows.append(
            (
                *(*whose(version), phase, one.window, as_of),
                *(measured.slice, measured.slice_value, measured.metric),
                *(measured.value, measured.low, measured.high, measured.n, measured.method),
            )
        )
    append_once(warehouse, PERFORMANCE, PERFORMANCE_COLUMNS, rows)
    return sorted({row[4] for row in rows})


def append_coverage(warehouse: Warehouse, version: ModelVersion, as_of: date, covered: Sequence[Coverage]) -> None:
    """Appends the coverage seen at an as-of, once."""
    rows = [
        (*whose(version), one.window, as_of, one.predictions, one.matured, one.never, one.pending) for one in covered
    ]
    append_once(warehouse, COVERAGE, COVERAGE_COLUMNS, rows)


def judged(
    project: Project,
    measured: Mapping[Position, Figure],
    inputs: Mapping[tuple[date, str], tuple[int, float]],
    last: date,
    judged_from: date | None = None,
) -> tuple[Verdict, list[date]]:
    """The verdict over a model's life, and the windows it is over: every one from the first with a measurement to the last.

    Where monitoring started anew, windows before that date are part of what the later ones are judged against.
    """
    settings = project.monitoring
    reference: dict[tuple[Stream, date], float | None] = {}
    life: dict[tuple[Stream, date], float | None] = {}
    for (phase, window, slice, value, metric), latest in measured.items():
        if metric not in settings.judged(project.evaluation.metrics):
            continue
        stream = stream_of(metric, slice, value)
        if not descriptive(stream.metric):
            usable = value_of(stream, latest) if latest.n >= settings.min_rows else None
            settled = phase == REFERENCE or (judged_from is not None and window < judged_from)
            (reference if settled else life)[stream, window] = usable
    windows = windows_between(life, last, settings)
    before = windows_between(reference, None, settings)
    rows = volumes(measured)
    life |= {(Stream(VOLUME), window): rows.get(window, volume(0)) for window in windows}
    reference |= {(Stream(VOLUME), window): rows[window] for window in before if window in rows}
    began = min((window for phase, window, *_ in measured if phase == LIFE), default=last)
    for (window, feature), (n, concentration) in inputs.items():
        settled = window < max(began, judged_from or began)
        usable = concentration if n >= settings.min_rows else None
        if window < last:
            (reference if settled else life)[Stream(CONCENTRATION, FEATURE, feature), window] = usable
    # The streams are those of the reference, so that their weights stay the same through the model's life.
    streams = sorted({stream for stream, _ in reference}, key=lambda one: (one.slice, one.slice_value, one.metric))
    verdict = detect_deviations(
        {stream: [life.get((stream, window)) for window in windows] for stream in streams},
        {stream: [reference.get((stream, window)) for window in before] for stream in streams},
        settings.false_alarm_rate,
        settings.windows_per_year,
        settings.tolerances,
    )
    return verdict, windows


def volumes(measured: Mapping[Position, Figure]) -> dict[date, float]:
    """The volume of every window in which anything was measured."""
    return {window: volume(latest.n) for (_, window, slice, *_), latest in measured.items() if slice == ALL}


def volume(rows: int) -> float:
    """A number of labelled rows as it is judged; half a row is added, so that none is a number, too."""
    return math.log(rows + 0.5)


def stream_of(metric: str, slice: str, slice_value: str) -> Stream:
    """The stream that a measurement is a value of."""
    return Stream(metrics_by_name()[metric].judged_as or metric, slice, slice_value)


def value_of(stream: Stream, figure: Figure) -> float | None:
    """The value of a stream; half a row of either label is added to a label rate, so that none is infinite."""
    if stream.metric != LABEL_RATE or figure.value is None:
        return figure.value
    return math.log((figure.value * figure.n + 0.5) / (figure.n + 1))


def windows_between(
    values: Mapping[tuple[Stream, date], float | None], last: date | None, settings: Monitoring
) -> list[date]:
    """Every window from the first with a value to the last, or to the last before a date."""
    if not values:
        return []
    valued = [window for _, window in values]
    end = max(valued) + settings.length
    return settings.windows(min(valued), end if last is None else max(end, last))


def append_deviations(
    warehouse: Warehouse, version: ModelVersion, as_of: date, verdict: Verdict, life: Sequence[date]
) -> None:
    """Appends what was found of every stream at an as-of, once."""
    rows = [(*whose(version), as_of, *deviation_row(one, life)) for one in verdict.findings]
    append_once(warehouse, DEVIATIONS, DEVIATION_COLUMNS, rows)


def deviation_row(one: Finding, life: Sequence[date]) -> tuple[object, ...]:
    """A finding as its table has it, with windows as dates."""
    change = one.change
    when = (life[change.window], life[change.low], life[change.high]) if change is not None else (None, None, None)
    return (
        *(one.stream.metric, one.stream.slice, one.stream.slice_value, one.deviates),
        *(None if one.alarm is None else life[one.alarm], one.p_value, one.e_value, one.direction),
        *(one.expected.mean, one.expected.low, one.expected.high, one.observed, *when),
    )
