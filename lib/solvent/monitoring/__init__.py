"""Monitoring: performance as labels mature, and deviations at a stated false-alarm rate."""

from solvent.monitoring.health import append_model_health
from solvent.monitoring.labels import matured_predictions
from solvent.monitoring.monitor import Monitored, monitor
from solvent.monitoring.performance import reference_measured

__all__ = ["Monitored", "append_model_health", "matured_predictions", "monitor", "reference_measured"]
