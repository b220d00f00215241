"""Monitoring: the validation is run again on predictions whose labels have matured, and a deviation is told from noise.

Each window of a model's life is measured once its labels had time to arrive, and again as long as late ones may come; a measurement that
changed is a further row with a later as-of, and nothing is overwritten. Before its life come the windows of its holdout, which say what to
expect. What deviates is decided by `deviation.detect_deviations` over all windows of the life.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from solvent.config.base import midnight
from solvent.monitoring.coverage import COVERAGE
from solvent.monitoring.drift import append_drift, concentrations
from solvent.monitoring.health import append_health
from solvent.monitoring.life import append_life, append_reference
from solvent.monitoring.monitored import Monitored, Watched
from solvent.monitoring.performance import PERFORMANCE, measured_until, performance
from solvent.monitoring.verdict import DEVIATIONS, append_deviations, verdict_over_life
from solvent.session import at_once


def monitor(
    watched: Watched, predictions: DataFrame, holdout: DataFrame | None, judged_from: date | None = None
) -> Monitored:
    """Measures what has matured, and judges the life of a model.

    Args:
        watched: The model.
        predictions: Its predictions: key, slices, prediction_time, prediction.
        holdout: The same with label and features, of the whole windows of its holdout; None if these were measured before.
        judged_from: The first day that is judged, where monitoring started anew after an alarm; None for all of the life.

    Raises:
        EvaluationError: If predictions or labels cannot be measured.
    """
    warehouse, project, version, as_of = watched.warehouse, watched.project, watched.version, watched.as_of
    for ledger in (PERFORMANCE, COVERAGE, DEVIATIONS):
        ledger.create(warehouse)
    before = performance(warehouse, version, as_of)
    if holdout is not None:
        append_reference(watched, holdout, before)
    end, settings = midnight(as_of), project.monitoring
    # Whole windows, see Monitoring.whole_windows.
    last = midnight(settings.window_of(end - project.windows.maturity))
    since = midnight(settings.window_of(measured_until(before, last, settings.length, as_of) - settings.look_back))
    looks: list[Callable[[], Any]] = [
        lambda: append_life(watched, predictions, since, last, before),
        lambda: append_drift(warehouse, version, since.date(), as_of, settings.window, as_of),
        lambda: append_health(warehouse, project, watched.pins, as_of),
    ]
    (covered, changed), drifts, health = at_once(lambda look: look(), looks)
    inputs = concentrations(warehouse, version, as_of)
    verdict, windows = verdict_over_life(
        project, performance(warehouse, version, as_of), inputs, last.date(), judged_from
    )
    append_deviations(warehouse, version, as_of, verdict, windows)
    return Monitored(version, covered, changed, drifts, health, verdict, windows)
