"""Monitoring: the validation is run again on predictions whose labels have matured, and a deviation is told from noise.

Each window of a model's life is measured once its labels had time to arrive, and again as long as late ones may come; a measurement that
changed is a further row with a later as-of, and nothing is overwritten. Before its life come the windows of its holdout, which say what to
expect. What deviates is decided by `deviation.detect_deviations` over all windows of the life.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.project import Project
from solvent.features import Feature
from solvent.features.profile import by_window, cell_counts, stored_references
from solvent.features.table import predicted_within
from solvent.monitoring.coverage import COVERAGE, Coverage, append_coverage, coverage_of
from solvent.monitoring.deviation import Verdict
from solvent.monitoring.drift import Drift, append_counted, append_drift, concentrations
from solvent.monitoring.health import Health, append_health
from solvent.monitoring.labels import MATURED, labels_of, with_labels
from solvent.monitoring.performance import (
    LIFE,
    PERFORMANCE,
    REFERENCE,
    Figure,
    Position,
    append_changed,
    measured_until,
    performance,
)
from solvent.monitoring.verdict import DEVIATIONS, append_deviations, verdict_over_life
from solvent.monitoring.windows import measured_windows
from solvent.registry import ModelVersion
from solvent.session import at_once, kept
from solvent.sources.pins import Pin
from solvent.tables import Warehouse


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
    for ledger in (PERFORMANCE, COVERAGE, DEVIATIONS):
        ledger.create(warehouse)
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
    verdict, windows = verdict_over_life(
        project, performance(warehouse, version, as_of), inputs, last.date(), judged_from
    )
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
        covered = coverage_of(labelled, window, as_of)
        ripe = labelled.where((F.col("label_state") == MATURED) & whole)
        life = measured_windows(ripe, project.model.kind, project.evaluation, project.predicted.key, window)
        changed = append_changed(warehouse, version, LIFE, as_of, life, before)
    append_coverage(warehouse, version, covered)
    return covered, changed
