"""Metrics in words."""

from __future__ import annotations

from solvent.kinds import metrics_by_name

# What monitoring judges beside metrics.
STREAMS = {
    "log_label_rate": "Label rate (its logarithm)",
    "concentration": "Concentration",
    "log_rows": "Labelled rows (their logarithm)",
}


def words(metric: str) -> str:
    """A metric, or what monitoring judges beside them, as people read it."""
    entry = metrics_by_name().get(metric)
    return STREAMS.get(metric, metric) if entry is None else entry.title
