"""The windows of a model's holdout and of its life, measured as their labels mature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.features.profile import by_window, cell_counts, stored_references
from solvent.features.table import predicted_within
from solvent.monitoring.coverage import Coverage, append_coverage, coverage_of
from solvent.monitoring.drift import append_counted
from solvent.monitoring.labels import MATURED, labels_of, with_labels
from solvent.monitoring.monitored import Watched
from solvent.monitoring.performance import (
    LIFE,
    REFERENCE,
    Figure,
    Position,
    append_changed,
)
from solvent.monitoring.windows import measured_windows
from solvent.session import kept


def append_reference(watched: Watched, holdout: DataFrame, before: Mapping[Position, Figure]) -> None:
    """Measures the holdout of a model, which says what to expect.

    Args:
        watched: The model.
        holdout: Its predictions with label and features, of whole windows.
        before: What was measured before.
    """
    warehouse, project, version, trained = watched.warehouse, watched.project, watched.version, watched.trained
    window = project.monitoring.window
    cells = cell_counts(holdout, stored_references(warehouse, version.digest), watched.features)
    append_counted(warehouse, version, by_window(cells, window), trained)
    reference = measured_windows(holdout, project.model.kind, project.evaluation, project.predicted.key, window)
    append_changed(warehouse, version, REFERENCE, trained, reference, before)


def append_life(
    watched: Watched, predictions: DataFrame, since: datetime, last: datetime, before: Mapping[Position, Figure]
) -> tuple[list[Coverage], list[date]]:
    """Measures labelled predictions; the coverage of their windows, and the windows whose measurements are new or changed.

    Args:
        watched: The model.
        predictions: Its predictions.
        since: Looked at are those from here on.
        last: Measured are those before, whose windows have matured to their end.
        before: What was measured before.
    """
    warehouse, project, version, as_of = watched.warehouse, watched.project, watched.version, watched.as_of
    end, key, window = midnight(as_of), project.predicted.key, project.monitoring.window
    recent = predictions.where(predicted_within(since, end))
    labelled = with_labels(recent, labels_of(warehouse, project, watched.pins, since, end), key, end)
    with kept(labelled):
        covered = coverage_of(labelled, window, as_of)
        ripe = labelled.where((F.col("label_state") == MATURED) & predicted_within(since, last))
        life = measured_windows(ripe, project.model.kind, project.evaluation, key, window)
        changed = append_changed(warehouse, version, LIFE, as_of, life, before)
    append_coverage(warehouse, version, covered)
    return covered, changed
