"""Monitoring: performance as labels mature, and deviations at a stated false-alarm rate."""

from solvent.monitoring.deviation import Finding
from solvent.monitoring.health import append_model_health
from solvent.monitoring.labels import matured_predictions
from solvent.monitoring.monitor import monitor
from solvent.monitoring.monitored import Monitored, Watched
from solvent.monitoring.performance import reference_measured

__all__ = [
    "Finding",
    "Monitored",
    "Watched",
    "append_model_health",
    "matured_predictions",
    "monitor",
    "reference_measured",
]
